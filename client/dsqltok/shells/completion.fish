# dsqltok's completion for fish. In ~/.config/fish/config.fish: dsqltok completion fish | source

function _dsqltok_complete
    set -l words (commandline --tokenize --cut-at-cursor --current-process)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l found (command dsqltok completion words -- $words[2..] "$current" 2>/dev/null)
    switch "$found[1]"
        case files
            __fish_complete_path "$current"
        case words
            string join \n -- $found[2..]
    end
end
complete --command dsqltok --no-files --arguments '(_dsqltok_complete)'
