// What is most likely a mistake in the words of a command, by those who know GNU parallel or take the words for a line
// of shell.

import { basename } from 'node:path'
import { CliError, EXIT } from '../../support/exit-codes'
import { note } from '../../support/output'
import { shellQuoted } from './command-line'

const ITEM = '{}'
/** Not behind a `$`, where a shell has them. */
const FOREIGN = /(?<!\$)\{(?:\.|\/\.?|\/\/|#|%|-?\d+(?:\.|\/\.?|\/\/)?|=.*=)\}/
const SOURCE = /^:{3,4}\+?$/
const SHELLS: ReadonlySet<string> = new Set(['sh', 'bash', 'dash', 'ash', 'ksh', 'zsh'])

const INSTEAD: Readonly<Record<string, string>> = {
  '{.}': `sh -c 'CMD "\${0%.*}"' {}`,
  '{/}': `sh -c 'CMD "\${0##*/}"' {}`,
  '{//}': `sh -c 'CMD "\${0%/*}"' {}`,
  '{/.}': `sh -c 'b=\${0##*/}; CMD "\${b%.*}"' {}`,
  '{#}': `sh -c 'CMD "$ROLLCALL_ID"' {} (a name of the item, not its number)`,
}
const COLUMNS = `columns of a line: sh -c 'set -- $0; CMD "$1" "$2"' {}`

/** Refuses what GNU parallel would replace, and warns of items that become code. */
export function checkCommand(words: readonly string[], { literalBraces = false }): void {
  if (!literalBraces) refuseForeign(words)
  const code = codeWithItem(words)
  if (code !== undefined) {
    note(
      `the item becomes code of a shell in '${code}', whatever is in it; as an argument it stays one: ${asArgument(code)}`,
    )
  }
}

function refuseForeign(words: readonly string[]): void {
  const source = words.findIndex((word) => SOURCE.test(word))
  if (source > 0) {
    throw new CliError(
      EXIT.usage,
      `${words[source]} is GNU parallel's: give a file of items with -a FILE, or items to -a -: printf '%s\\n' ${shellQuoted(words.slice(source + 1, source + 4)) || 'a b c'} | rollcall work -a - -- ${shellQuoted(words.slice(0, source))}; as text: --literal-braces`,
    )
  }
  for (const word of words) {
    const [found] = FOREIGN.exec(word) ?? []
    if (found === undefined) continue
    const instead = INSTEAD[found] ?? (/\d/.test(found) ? COLUMNS : 'the guide of batch systems has a table')
    throw new CliError(
      EXIT.usage,
      `${found} in '${word}' is GNU parallel's; here only {} is replaced. Instead: ${instead}; as text: --literal-braces`,
    )
  }
}

/** What `sh -c` is given, where the item is a part of it; the whole of it is a list of commands. */
function codeWithItem(words: readonly string[]): string | undefined {
  const shell = words.findIndex((word) => SHELLS.has(basename(word)))
  if (shell < 0) return undefined
  let at = shell + 1
  while (words[at]?.startsWith('-') && !/^-[a-z]*c$/.test(words[at]!)) at++
  const code = /^-[a-z]*c$/.test(words[at] ?? '') ? words[at + 1] : undefined
  return code?.includes(ITEM) && code !== ITEM ? code : undefined
}

/** A line of shell that takes the item as `$0`, in quotes wherever it stands. */
function asArgument(code: string): string {
  let quote = ''
  let text = ''
  for (const [piece] of code.replaceAll(/(['"])\{\}\1/g, ITEM).matchAll(/\{\}|\\.|./gs)) {
    if (piece === ITEM) text += quote === '"' ? '$0' : quote === "'" ? `'"$0"'` : '"$0"'
    else {
      if (piece === quote) quote = ''
      else if (quote === '' && (piece === '"' || piece === "'")) quote = piece
      text += piece
    }
  }
  return `sh -c ${shellQuoted([text])} {}`
}

/** Where a program is not there: what to do when its name looks like a whole line. */
export function lineHint(words: readonly string[]): string | undefined {
  const [word] = words
  if (words.length > 1 || !/[\s|&;<>()$`*?]/.test(word!.replaceAll(ITEM, ''))) return undefined
  return `the command is given as words, or for a shell: ${asArgument(word!)}`
}
