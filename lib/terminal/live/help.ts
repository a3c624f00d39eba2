// What the keys of a live list do, as its help shows it and as `--help` and the manual page tell it.

import type { ListSource } from './list-source'

const KEYS: readonly (readonly [keys: string, meaning: string])[] = [
  ['q, Ctrl-C', 'end'],
  ['?, h', 'this help'],
  ['up, down, j, k', 'choose one; also PgUp, PgDn, Home, End, g, G'],
  ['Enter', 'everything about it; Esc goes back'],
  ['w', 'where a worker hangs: its stack (Linux); asks its process'],
  ['/', 'filter: words that a line must have, !word: must not have'],
  ['Esc', 'choose none; once more: no filter'],
  ['d', 'hide or show what has ended'],
  ['s, S', 'sort by the next, the previous'],
  ['r', 'the other way round'],
  ['p, Space', 'pause, go on'],
  ['+, -', 'look less often, more often'],
  ['Ctrl-L', 'draw everything anew'],
  ['Ctrl-Z', 'suspend, as any job of a shell'],
]

/** For `--help`: the keys in a few lines. */
export const KEYS_HELP = `Keys: q or Ctrl-C ends, ? explains them all; s, r and 1 to 9 sort, / filters, arrows and Enter show
all about one, w shows where it hangs, d hides what has ended, p pauses, + and - change the interval.
Colours: none where NO_COLOR is set or TERM is dumb; FORCE_COLOR wants them in a pipe too.`

export function helpLines({ sorts, notes }: Pick<ListSource<unknown>, 'sorts' | 'notes'>): string[] {
  const wide = Math.max(...KEYS.map(([keys]) => keys.length))
  return [
    ...KEYS.map(([keys, meaning]) => `  ${keys.padEnd(wide)}  ${meaning}`),
    '',
    'Sorted by, with a number again for the other way round:',
    ...Object.entries(sorts).map(
      ([name, first], at) => `  ${at < 9 ? at + 1 : ' '}  ${name.padEnd(8)}  ${first}`,
    ),
    '',
    ...notes.map((line) => `  ${line}`),
  ]
}
