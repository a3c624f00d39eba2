// Completion for fish: a line for each verb, option and argument, each under the condition that its command
// has been typed.

import { type CommandNode, everyCommand, type OptionNode, type Value } from './command-tree'

export function fishCompletion(tree: CommandNode): string {
  const [name] = tree.path
  const all = everyCommand(tree)
  const paths = all.slice(1).map(({ path }) => quoted(` ${path.slice(1).join(' ')}`))
  return `# Completion of ${name} for fish. To use it in every new shell:
#   ${name} completion fish > ~/.config/fish/completions/${name}.fish

# Whether the verbs typed so far are these.
function __${name}_at
    set -l path
    for word in (commandline -opc)[2..]
        string match -q -- '-*' $word; and continue
        contains -- "$path $word" ${paths.join(' ')}; or break
        set path "$path $word"
    end
    test "$path" = "$argv[1]"
end

complete -c ${name} -f
${all.flatMap((node) => commandLines(name!, node)).join('\n')}
`
}

function commandLines(name: string, node: CommandNode): string[] {
  const below = node.path.slice(1).join(' ')
  const head = `complete -c ${name} -n ${quoted(`__${name}_at ${quoted(below === '' ? '' : ` ${below}`)}`)}`
  const [argument] = node.arguments
  return [
    ...node.verbs.map((verb) => `${head} -a ${verb.path.at(-1)} -d ${quoted(verb.summary)}`),
    ...node.options.map((option) => `${head}${optionWords(option)}`),
    ...(argument === undefined ? [] : [`${head}${valueWords(argument, node.path.length)}`]),
  ]
}

function optionWords({ long, short, description, value }: OptionNode): string {
  const flags = `${short === undefined ? '' : ` -s ${short.slice(1)}`}${long === undefined ? '' : ` -l ${long.slice(2)}`}`
  return `${flags}${value === undefined ? '' : ` -r${valueWords(value, 0)}`} -d ${quoted(description)}`
}

/** `words`: how many come before a command that is an argument. */
function valueWords({ kind, choices }: Value, words: number): string {
  if (kind === 'file') return ' -F'
  if (kind === 'choice') return ` -f -a ${quoted(choices.join(' '))}`
  if (kind === 'directory') return ` -f -a '(__fish_complete_directories)'`
  if (kind === 'command') return ` -f -a '(__fish_complete_subcommand --fcs-skip=${words})'`
  return ' -f'
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`
}
