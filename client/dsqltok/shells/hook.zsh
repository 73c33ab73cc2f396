# dsqltok's hook for zsh. In ~/.zshrc: eval "$(dsqltok hook zsh)"
#
# While no env is active, and while the token is young, the prompt costs a comparison and starts no program.
# In _dsqltok_restore stands what makes the variables what they were before `dsqltok activate`.
# _dsqltok_pause is how many seconds a renewal that failed was followed by; it is empty after one that did not. A daemon
# that hangs costs the prompt two seconds (exit code 8), and therefore is asked more and more seldom.

zmodload zsh/datetime
typeset -g _dsqltok_restore _dsqltok_in _dsqltok_since _dsqltok_until _dsqltok_pause
typeset -ga _dsqltok_args

function dsqltok {
  case "${1-}" in
    activate | deactivate) "_dsqltok_$1" "${@:2}" ;;
    *) command dsqltok "$@" ;;
  esac
}

# Print the code that activates. To be run in a subshell: the project may read variables that we have set.
function _dsqltok_code {
  eval "$_dsqltok_restore"
  command dsqltok activate --shell zsh "$@"
}

function _dsqltok_wait { # for $1 seconds before the program is asked again
  _dsqltok_since=$EPOCHSECONDS
  _dsqltok_until=$((EPOCHSECONDS + $1))
}

function _dsqltok_apply {
  eval "$_dsqltok_restore"
  eval "$1"
  _dsqltok_pause=
  _dsqltok_wait "$_dsqltok_in"
}

function _dsqltok_activate {
  emulate -L zsh
  local code
  code=$(_dsqltok_code "$@") || return
  if [[ $code == _dsqltok_in=* ]]; then
    _dsqltok_apply "$code"
  else
    print -r -- "$code" # such as the help
  fi
}

function _dsqltok_deactivate {
  emulate -L zsh
  if [[ -z $_dsqltok_until ]]; then
    command dsqltok deactivate "$@"
    return
  fi
  eval "$_dsqltok_restore"
  _dsqltok_args=() _dsqltok_restore= _dsqltok_until= _dsqltok_pause=
}

function _dsqltok_renew {
  emulate -L zsh
  local code ended=0
  if [[ -z $_dsqltok_pause ]]; then
    code=$(_dsqltok_code --again "${_dsqltok_args[@]}") || ended=$?
  else
    code=$(_dsqltok_code --again "${_dsqltok_args[@]}" 2>/dev/null) || ended=$?
  fi
  if [[ $code == _dsqltok_in=* ]]; then
    _dsqltok_apply "$code"
  else
    if ((ended != 8)) || [[ -z $_dsqltok_pause ]]; then
      _dsqltok_pause=30
    else
      _dsqltok_pause=$((_dsqltok_pause < 300 ? 2 * _dsqltok_pause : 600))
    fi
    _dsqltok_wait "$_dsqltok_pause"
  fi
}

function _dsqltok_prompt {
  if [[ -n $_dsqltok_until ]] && ((EPOCHSECONDS >= _dsqltok_until || EPOCHSECONDS < _dsqltok_since)); then
    _dsqltok_renew
  fi
}

autoload -Uz add-zsh-hook
add-zsh-hook precmd _dsqltok_prompt
