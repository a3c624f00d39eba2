// The command of one item: its words and what it finds in its environment. Bytes stay bytes.

import { itemBytes } from '../../parse/items'

const PLACE = '{}'
/** Linux takes no longer argument or variable, its ending NUL included. */
const MAX_ARGUMENT = 128 * 1024

export interface CommandLine {
  readonly words: readonly (string | Uint8Array)[]
  readonly env: Readonly<Record<string, string | Uint8Array>>
  /** The item is the program, or part of its name: then it is the item's fault when there is none. */
  readonly isProgramOfItem: boolean
}

export interface Task {
  readonly item: unknown
  readonly id: string
  readonly attempt: number
  readonly fence: bigint
}

/**
 * `words` with the item in place of each `{}`, or at the end where there is none; with `onStdin` only where there is
 * one. Undefined: the item is too long for an argument.
 */
export function commandLine(words: readonly string[], task: Task, onStdin: boolean): CommandLine | undefined {
  const item = itemBytes(task.item)
  const hasPlace = words.some((word) => word.includes(PLACE))
  const filled: (string | Uint8Array)[] = hasPlace ? words.map((word) => fill(word, item)) : [...words]
  if (!hasPlace && !onStdin) filled.push(item)
  if (filled.some((word) => Buffer.byteLength(word) >= MAX_ARGUMENT)) return undefined
  const env: Record<string, string | Uint8Array> = {
    ROLLCALL_ID: task.id,
    ROLLCALL_ATTEMPT: String(task.attempt),
    ROLLCALL_FENCE: String(task.fence),
  }
  // A variable cannot have NUL in it, nor be so long; who gets such an item gets it otherwise.
  if (item.length + 'ROLLCALL_ITEM='.length < MAX_ARGUMENT && !item.includes(0)) env.ROLLCALL_ITEM = item
  return { words: filled, env, isProgramOfItem: words[0]!.includes(PLACE) }
}

function fill(word: string, item: Buffer): string | Uint8Array {
  const parts = word.split(PLACE)
  if (parts.length === 1) return word
  return Buffer.concat(
    parts.flatMap((part, i) => (i === 0 ? [Buffer.from(part)] : [item, Buffer.from(part)])),
  )
}

/** The words as a shell would take them. */
export function shellQuoted(words: readonly (string | Uint8Array)[]): string {
  return words
    .map((word) => {
      const text = typeof word === 'string' ? word : Buffer.from(word).toString('latin1')
      const plain = typeof word === 'string' ? word : Buffer.from(word).toString()
      if (/^(?:[\w./@%+=:,-]|\{\})+$/.test(plain)) return plain
      return `'${(plain.includes('\ufffd') ? text : plain).replaceAll("'", "'\\''")}'`
    })
    .join(' ')
}
