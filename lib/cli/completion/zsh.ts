// Completion for zsh: a function for each command, told to its own _arguments and _describe.

import {
  type ArgumentNode,
  type CommandNode,
  everyCommand,
  type OptionNode,
  type Value,
} from './command-tree'

export function zshCompletion(tree: CommandNode): string {
  const [name] = tree.path
  return `#compdef ${name}
# Completion of ${name} for zsh. Either save it as _${name} in a directory of $fpath, or add to ~/.zshrc, after compinit:
#   source <(${name} completion zsh)

${everyCommand(tree).map(commandFunction).join('\n\n')}

if [ "$funcstack[1]" = "_${name}" ]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`
}

function commandFunction(node: CommandNode): string {
  const specs = node.options.map(optionSpec)
  if (node.verbs.length === 0) {
    specs.push(...node.arguments.map(argumentSpec))
    return `${functionName(node)}() {\n  _arguments -S \\\n    ${specs.join(' \\\n    ')}\n}`
  }
  const verbs = node.verbs.map((verb) => quoted(`${verb.path.at(-1)}:${verb.summary.replaceAll(':', '\\:')}`))
  const cases = node.verbs.map((verb) => `    ${verb.path.at(-1)}) ${functionName(verb)} ;;`)
  return `${functionName(node)}() {
  local curcontext="$curcontext" state line
  local -a verbs
  _arguments -C -S \\
    ${[...specs, "'1: :->verb'", "'*:: :->rest'"].join(' \\\n    ')}
  case $state in
  verb)
    verbs=(
      ${verbs.join('\n      ')}
    )
    _describe -t commands ${quoted(`verb of ${node.path.join(' ')}`)} verbs
    ;;
  rest)
    case $words[1] in
${cases.join('\n')}
    esac
    ;;
  esac
}`
}

function functionName({ path }: CommandNode): string {
  return `_${path.join('_').replaceAll('-', '_')}`
}

function optionSpec({ long, short, description, value }: OptionNode): string {
  const text = `[${escaped(description)}]`
  const takes = value === undefined ? '' : `:${value.name}:${action(value)}`
  const flags = [short, long].filter((flag) => flag !== undefined)
  // A long option may have its value behind a =.
  const named = flags.map((flag) => (value !== undefined && flag.startsWith('--') ? `${flag}=` : flag))
  if (named.length === 1) return quoted(`${named[0]}${text}${takes}`)
  return `${quoted(`(${flags.join(' ')})`)}{${named.join(',')}}${quoted(`${text}${takes}`)}`
}

function argumentSpec(argument: ArgumentNode): string {
  if (argument.kind === 'command') return quoted('*::: :_normal')
  return quoted(`1:${argument.name}:${action(argument)}`)
}

function action({ kind, choices }: Value): string {
  if (kind === 'choice') return `(${choices.join(' ')})`
  return { directory: '_directories', file: '_files', command: '_command_names -e', other: ' ' }[kind]
}

/** As it may stand between brackets in a specification. */
function escaped(text: string): string {
  return text.replace(/[[\]:\\]/g, '\\$&')
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
