// Checks of what a caller passes in. Each option is checked once, here, before anything is
// touched; the message names the option, what was expected and what came.

import type * as Levenshtein from 'fastest-levenshtein'

/** `10 (number)`, `'x' (string)`, `undefined`: a value as an error message shows it. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'string') {
    return `'${value.length > 40 ? `${value.slice(0, 40)}...` : value}' (string)`
  }
  if (typeof value === 'function') return `a function${value.name ? ` '${value.name}'` : ''}`
  if (typeof value === 'symbol') return `${String(value)} (symbol)`
  if (typeof value === 'object') return `an instance of ${constructorName(value)}`
  return `${String(value)} (${typeof value})`
}

/** Whatever was passed in: its getters may throw. */
function constructorName(value: object): string {
  try {
    const { name } = value.constructor
    return typeof name === 'string' ? name : 'Object'
  } catch {
    return 'Object'
  }
}

/** The known name that a misspelt one most likely means, if any is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (known.length === 0) return undefined
  // Loaded here: only who misspells something needs it.
  const { closest, distance } = require('fastest-levenshtein') as typeof Levenshtein
  const candidate = closest(name, known)
  return distance(name, candidate) <= Math.max(2, Math.floor(candidate.length / 3)) ? candidate : undefined
}

/** Refuses what is not a plain options object, and keys nobody knows. */
export function checkOptions(options: unknown, known: readonly string[], what: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`Expected ${what} to be an object, got ${describeValue(options)}`)
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const nearest = nearestName(name, known)
    const hint = nearest ? `did you mean '${nearest}'?` : `known are ${known.join(', ')}`
    throw new TypeError(`Unknown option '${name}' in ${what}; ${hint}`)
  }
}

/** An integer from `min` to `max`, or undefined when it was left out. */
export function optionalInteger(value: unknown, name: string, min: number, max: number): number | undefined {
  if (value === undefined) return undefined
  const expected = `Expected option '${name}' to be an integer from ${min} to ${max}, got ${describeValue(value)}`
  if (typeof value !== 'number') throw new TypeError(expected)
  if (!Number.isInteger(value) || value < min || value > max) throw new RangeError(expected)
  return value
}

/** A boolean, or undefined when it was left out. */
export function optionalBoolean(value: unknown, name: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw new TypeError(`Expected option '${name}' to be a boolean, got ${describeValue(value)}`)
}

/** An AbortSignal, or undefined when it was left out. */
export function optionalSignal(value: unknown, name: string): AbortSignal | undefined {
  if (value === undefined || value instanceof AbortSignal) return value
  throw new TypeError(`Expected option '${name}' to be an AbortSignal, got ${describeValue(value)}`)
}
