#compdef dsqltok
# dsqltok's completion for zsh. In ~/.zshrc, after compinit: eval "$(dsqltok completion zsh)"

function _dsqltok {
  local -a found
  found=("${(@f)$(command dsqltok completion words -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  case ${found[1]-} in
    files) _files ;;
    words) compadd -- "${(@)found[2,-1]}" ;;
  esac
}

if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
  _dsqltok "$@"
elif ((${+functions[compdef]})); then
  compdef _dsqltok dsqltok
fi
