# dsqltok's hook for fish. In ~/.config/fish/config.fish: dsqltok hook fish | source
#
# While no env is active, and while the token is young, the prompt costs a comparison and starts no program.
# In _dsqltok_restore stands what makes the variables what they were before `dsqltok activate`.

function dsqltok --description 'fresh Aurora DSQL tokens'
    switch "$argv[1]"
        case activate deactivate
            _dsqltok_$argv[1] $argv[2..]
        case '*'
            command dsqltok $argv
    end
end

if builtin --names | string match -q path && path mtime --relative / >/dev/null 2>&1
    # fish has no clock of its own, but tells when a file was changed, and how long ago that is.
    function _dsqltok_clock
        math (path mtime /) + (path mtime --relative /)
    end
else
    function _dsqltok_clock
        command date +%s
    end
end

function _dsqltok_wait --description 'have $argv seconds pass before the program is asked again'
    set -g _dsqltok_since (_dsqltok_clock)
    set -g _dsqltok_until (math $_dsqltok_since + $argv)
end

function _dsqltok_apply
    eval $_dsqltok_restore
    eval $argv
    set -g _dsqltok_applied $argv
    set -e _dsqltok_warned
    _dsqltok_wait $_dsqltok_in
end

# Put the code that activates into _dsqltok_code. The project may read variables that we have set: it is asked without.
function _dsqltok_ask
    eval $_dsqltok_restore
    set -l ended
    if set -q _dsqltok_warned
        set -g _dsqltok_code (command dsqltok activate --shell fish $argv 2>/dev/null)
        set ended $status
    else
        set -g _dsqltok_code (command dsqltok activate --shell fish $argv)
        set ended $status
    end
    eval $_dsqltok_applied
    set -g _dsqltok_code (string join \n -- $_dsqltok_code | string collect)
    return $ended
end

function _dsqltok_activate
    set -e _dsqltok_warned
    _dsqltok_ask $argv
    or return
    if string match -q 'set -g _dsqltok_in *' -- $_dsqltok_code
        _dsqltok_apply $_dsqltok_code
    else
        printf '%s\n' $_dsqltok_code # such as the help
    end
end

function _dsqltok_deactivate
    if not set -q _dsqltok_args
        command dsqltok deactivate $argv
        return
    end
    eval $_dsqltok_restore
    set -e _dsqltok_args _dsqltok_restore _dsqltok_applied _dsqltok_code _dsqltok_in _dsqltok_since _dsqltok_until _dsqltok_warned
end

function _dsqltok_renew
    _dsqltok_ask --again $_dsqltok_args
    if string match -q 'set -g _dsqltok_in *' -- $_dsqltok_code
        _dsqltok_apply $_dsqltok_code
    else
        set -g _dsqltok_warned 1
        _dsqltok_wait 30
    end
end

function _dsqltok_prompt --on-event fish_prompt
    if set -q _dsqltok_args
        set -l now (_dsqltok_clock)
        if test $now -ge $_dsqltok_until -o $now -lt $_dsqltok_since
            _dsqltok_renew
        end
    end
end
