// How workers end, and what is told of it. Said here once, for the code; docs/guide/ says it for people.
//
//   closed   close(), or an exit of the process or thread with code 0
//   died     everything else: another exit code, an exception or a rejection that nobody caught, a signal, a
//            thread that throws, is terminated or runs out of memory, the end of a process under its threads
//
// Who has died leaves its last status, its overflow file and its counters, until its slot is cleaned or taken.

import { constants } from 'node:os'
import { EndKind } from '../binding'

/** As the addon wants it. */
export interface Ending {
  kind: number
  value: number
}

/** What an exit was, from inside or as a parent hears of it. */
export function endingOf(code: number | null | undefined, signal?: string | null): Ending {
  if (signal) {
    const value = constants.signals[signal as keyof typeof constants.signals] ?? 0
    return { kind: value === 0 ? EndKind.unknown : EndKind.signalled, value }
  }
  if (typeof code !== 'number') return { kind: EndKind.unknown, value: 0 }
  return { kind: EndKind.exited, value: code & 0xff }
}

/** `exited 1`, `SIGKILL`, `terminated`; undefined where nobody has said. `packed` is a scan's `ending`. */
export function endingText(packed: number): string | undefined {
  const kind = packed >> 8
  const value = packed & 0xff
  if (kind === EndKind.exited) return `exited ${value}`
  if (kind === EndKind.terminated) return 'terminated'
  if (kind !== EndKind.signalled) return undefined
  const name = Object.entries(constants.signals).find(([, number]) => number === value)?.[0]
  return name ?? `signal ${value}`
}
