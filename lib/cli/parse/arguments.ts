// Arguments and options other than durations, as they come from a command line.

import { InvalidArgumentError } from 'commander'

/** A parser of the directory of a board. */
export function directory(text: string): string {
  if (text !== '' && !text.includes('\0')) return text
  throw new InvalidArgumentError('Expected the directory of a board.')
}

/** An option that may be given several times. */
export function several(value: string, before: string[] = []): string[] {
  return [...before, value]
}

/** The same, of `key=value`. */
export function keyValue(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('Expected a name and a value, like zone=a.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

/** A parser of whole numbers from `min` to `max`. */
export function integerFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (number >= min && number <= max) return number
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`)
  }
}

/** Permission bits as chmod takes them: `0660`, `660`. */
export function octal(text: string): number {
  if (/^[0-7]{1,4}$/.test(text)) return Number.parseInt(text, 8)
  throw new InvalidArgumentError('Expected permission bits in octal, like 0660.')
}
