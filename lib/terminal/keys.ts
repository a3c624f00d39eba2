// Names of keys: what a terminal sends, told apart once, here.

import type { Key } from 'node:readline'

const NAMES: Readonly<Record<string, string>> = { return: 'enter', linefeed: 'enter' }
const NAMED =
  /^(up|down|left|right|home|end|pageup|pagedown|enter|escape|backspace|delete|tab|return|linefeed)$/

/**
 * One character as it is (`q`, `/`, `é`), or a name: `up`, `pagedown`, `enter`, `escape`, `ctrl-c`. Undefined for what is
 * neither: Alt with a letter, a function key, a sequence that no terminal of ours sends.
 */
export function keyName(text: string | undefined, key: Key): string | undefined {
  const { name, ctrl, meta } = key
  if (ctrl) return name === undefined ? undefined : `ctrl-${name}`
  if (name !== undefined && NAMED.test(name)) return NAMES[name] ?? name
  if (meta || !isText(text)) return undefined
  return text
}

/** Whether a key is a character to be typed, rather than the name of one that acts. */
export function isText(key: string | undefined): key is string {
  return key !== undefined && [...key].length === 1 && !/[\p{Cc}\p{Cs}]/u.test(key)
}
