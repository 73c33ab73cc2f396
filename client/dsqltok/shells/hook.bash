# dsqltok's hook for bash, 3.2 or later. In ~/.bashrc: eval "$(dsqltok hook bash)"
#
# While no env is active, and while the token is young, the prompt costs a comparison and starts no program.
# In _dsqltok_restore stands what makes the variables what they were before `dsqltok activate`.
# _dsqltok_pause is how many seconds a renewal that failed was followed by; it is empty after one that did not. A daemon
# that hangs costs the prompt two seconds (exit code 8), and therefore is asked more and more seldom.

function dsqltok {
  case "${1-}" in
    activate | deactivate) "_dsqltok_$1" "${@:2}" ;;
    *) command dsqltok "$@" ;;
  esac
}

if [[ -n ${EPOCHSECONDS-} ]]; then
  function _dsqltok_clock { _dsqltok_now=$EPOCHSECONDS; }
elif ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 402)); then
  function _dsqltok_clock { printf -v _dsqltok_now '%(%s)T' -1; }
else
  function _dsqltok_clock { _dsqltok_now=$SECONDS; } # it goes by the wall clock too
fi

# Print the code that activates. To be run in a subshell: the project may read variables that we have set.
function _dsqltok_code {
  eval "${_dsqltok_restore-}"
  command dsqltok activate --shell bash "$@"
}

function _dsqltok_wait { # for $1 seconds before the program is asked again
  _dsqltok_clock
  _dsqltok_since=$_dsqltok_now
  _dsqltok_until=$((_dsqltok_now + $1))
}

function _dsqltok_apply {
  eval "${_dsqltok_restore-}"
  eval "$1"
  _dsqltok_pause=
  _dsqltok_wait "$_dsqltok_in"
}

function _dsqltok_activate {
  local code
  code=$(_dsqltok_code "$@") || return
  if [[ $code == _dsqltok_in=* ]]; then
    _dsqltok_apply "$code"
  else
    printf '%s\n' "$code" # such as the help
  fi
}

function _dsqltok_deactivate {
  if [[ -z ${_dsqltok_args+x} ]]; then
    command dsqltok deactivate "$@"
    return
  fi
  eval "${_dsqltok_restore-}"
  unset _dsqltok_args _dsqltok_restore _dsqltok_in _dsqltok_now _dsqltok_since _dsqltok_until _dsqltok_pause
}

function _dsqltok_renew {
  local code ended=0
  if [[ -z ${_dsqltok_pause-} ]]; then
    code=$(_dsqltok_code --again "${_dsqltok_args[@]}") || ended=$?
  else
    code=$(_dsqltok_code --again "${_dsqltok_args[@]}" 2>/dev/null) || ended=$?
  fi
  if [[ $code == _dsqltok_in=* ]]; then
    _dsqltok_apply "$code"
  else
    if ((ended != 8)) || [[ -z ${_dsqltok_pause-} ]]; then
      _dsqltok_pause=30
    else
      _dsqltok_pause=$((_dsqltok_pause < 300 ? 2 * _dsqltok_pause : 600))
    fi
    _dsqltok_wait "$_dsqltok_pause"
  fi
}

function _dsqltok_prompt {
  local status=$?
  if [[ -n ${_dsqltok_args+x} ]]; then
    _dsqltok_clock
    if ((_dsqltok_now >= _dsqltok_until || _dsqltok_now < _dsqltok_since)); then _dsqltok_renew; fi
  fi
  case $- in *e*) return 0 ;; esac # anything else would end the shell
  return "$status"
}

case ";${PROMPT_COMMAND-};" in
  *";_dsqltok_prompt;"*) ;;
  *) PROMPT_COMMAND="_dsqltok_prompt${PROMPT_COMMAND:+;$PROMPT_COMMAND}" ;;
esac
