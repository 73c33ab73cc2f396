# dsqltok's hook for fish. In ~/.config/fish/config.fish: dsqltok hook fish | source
#
# While no env is active, and while the token is young, the prompt costs a comparison and starts no program.
# In _dsqltok_restore stands what makes the variables what they were before `dsqltok activate`.
# _dsqltok_pause is how many seconds a renewal that failed was followed by; it is empty after one that did not. A daemon
# that hangs costs the prompt two seconds (exit code 8), and therefore is asked more and more seldom.
# It is written with `$put` and `$drop`, so that it can be done for the shell, or for one function.

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

function _dsqltok_back --description 'make the variables what they were before'
    set -l put -gx
    set -l drop -e
    eval $_dsqltok_restore
end

function _dsqltok_apply
    _dsqltok_back
    eval $argv
    set -e _dsqltok_pause
    _dsqltok_wait $_dsqltok_in
end

# Put the code that activates into _dsqltok_code. The project may read variables that we have set: it is asked without.
# They are hidden from the program only, so that Ctrl-C while it runs leaves the shell with them.
function _dsqltok_ask
    set -l put -lx
    set -l drop -lu
    eval $_dsqltok_restore
    set -l ended
    if set -q _dsqltok_pause
        set -g _dsqltok_code (command dsqltok activate --shell fish $argv 2>/dev/null)
        set ended $status
    else
        set -g _dsqltok_code (command dsqltok activate --shell fish $argv)
        set ended $status
    end
    set -g _dsqltok_code (string join \n -- $_dsqltok_code | string collect)
    return $ended
end

function _dsqltok_activate
    set -e _dsqltok_pause
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
    _dsqltok_back
    set -e _dsqltok_args _dsqltok_restore _dsqltok_code _dsqltok_in _dsqltok_since _dsqltok_until _dsqltok_pause
end

function _dsqltok_renew
    _dsqltok_ask --again $_dsqltok_args
    set -l ended $status
    if string match -q 'set -g _dsqltok_in *' -- $_dsqltok_code
        _dsqltok_apply $_dsqltok_code
    else
        if test $ended -ne 8 || not set -q _dsqltok_pause
            set -g _dsqltok_pause 30
        else
            set -g _dsqltok_pause (math "min(600, 2 * $_dsqltok_pause)")
        end
        _dsqltok_wait $_dsqltok_pause
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
