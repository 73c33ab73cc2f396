# dsqltok's completion for bash, 3.2 or later. In ~/.bashrc: eval "$(dsqltok completion bash)"

function _dsqltok_complete {
  local kind='' word
  COMPREPLY=()
  {
    IFS= read -r kind
    # What a project names may be anything: it is quoted, so that the line means it and runs nothing.
    while IFS= read -r word; do
      printf -v word '%q' "$word"
      COMPREPLY[${#COMPREPLY[@]}]=$word
    done
  } < <(command dsqltok completion words -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [[ $kind == files ]]; then
    compopt -o filenames 2>/dev/null # which bash 3.2 lacks
    while IFS= read -r word; do COMPREPLY[${#COMPREPLY[@]}]=$word; done < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
  fi
}
complete -F _dsqltok_complete dsqltok
