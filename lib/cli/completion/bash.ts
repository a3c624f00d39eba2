// Completion for bash, 3.2 and newer, without the package bash-completion.

import { type CommandNode, everyCommand, type Value } from './command-tree'

export function bashCompletion(tree: CommandNode): string {
  const all = everyCommand(tree)
  const [name] = tree.path
  return `# Completion of ${name} for bash. To use it in every new shell, add this line to ~/.bashrc:
#   source <(${name} completion bash)

# What the option $2 of the command $1 takes, in REPLY; fails where it takes nothing.
_${name}_value() {
  case "$1 $2" in
${all.flatMap(valueCases).join('\n')}
    *) return 1 ;;
  esac
}

# The verbs, the options and the argument of the command $1, in verbs, options and argument.
_${name}_command() {
  case "$1" in
${all.map(commandCase).join('\n')}
    *) return 1 ;;
  esac
}

_${name}_reply() {
  local line
  while IFS= read -r line; do COMPREPLY+=("$line"); done
}

_${name}_complete() {
  case "$1" in
    directory) compopt -o filenames 2>/dev/null; _${name}_reply < <(compgen -d -- "$2") ;;
    file) compopt -o filenames 2>/dev/null; _${name}_reply < <(compgen -f -- "$2") ;;
    command) _${name}_reply < <(compgen -c -- "$2") ;;
    choice:*) _${name}_reply < <(compgen -W "\${1#choice:}" -- "$2") ;;
  esac
}

_${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path=${name} verbs options argument REPLY
  local i word pending= arguments=0 ended=
  COMPREPLY=()
  _${name}_command "$path"
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    # bash takes --option=value for three words.
    if [[ $word == = ]]; then continue; fi
    if [[ -n $pending ]]; then pending=; continue; fi
    if [[ -z $ended && $word == -- ]]; then ended=1; continue; fi
    if [[ -z $ended && $word == -* ]]; then
      if _${name}_value "$path" "$word"; then pending=$REPLY; fi
    elif [[ -n $verbs ]]; then
      path="$path $word"
      _${name}_command "$path" || return 0
    else
      arguments=$((arguments + 1))
      # What follows a command is the command's own.
      if [[ $argument == command ]]; then ended=1; fi
    fi
  done
  if [[ $cur == = ]]; then cur=; fi
  if [[ -n $pending ]]; then
    _${name}_complete "$pending" "$cur"
  elif [[ -z $ended && $cur == -* ]]; then
    _${name}_reply < <(compgen -W "$options" -- "$cur")
  elif [[ -n $verbs ]]; then
    _${name}_reply < <(compgen -W "$verbs" -- "$cur")
  elif [[ $argument == command && $arguments -gt 0 ]]; then
    _${name}_complete file "$cur"
  elif [[ $arguments -eq 0 ]]; then
    _${name}_complete "$argument" "$cur"
  fi
}

complete -F _${name} ${name}
`
}

function valueCases({ path, options }: CommandNode): string[] {
  return options
    .filter((option) => option.value !== undefined)
    .map(({ long, short, value }) => {
      const patterns = [short, long].filter(Boolean).map((flag) => quoted(`${path.join(' ')} ${flag}`))
      return `    ${patterns.join(' | ')}) REPLY=${quoted(kindOf(value!))} ;;`
    })
}

function commandCase({ path, verbs, options, arguments: args }: CommandNode): string {
  const flags = options.flatMap(({ long, short }) => [short, long].filter((flag) => flag !== undefined))
  const parts = [
    `verbs=${quoted(verbs.map((verb) => verb.path.at(-1)).join(' '))}`,
    `options=${quoted(flags.join(' '))}`,
    `argument=${quoted(args[0] === undefined ? '' : kindOf(args[0]))}`,
  ]
  return `    ${quoted(path.join(' '))}) ${parts.join(' ')} ;;`
}

function kindOf({ kind, choices }: Value): string {
  return kind === 'choice' ? `choice:${choices.join(' ')}` : kind
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
