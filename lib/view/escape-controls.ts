// Text of others as it may be written on a terminal or into a line. No imports: also what starts fast uses it.

// What could move the cursor, recolour the screen, reorder or hide its text: control and format
// characters, line separators, lone surrogates. The joiners that emoji and several scripts need stay.
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/gu
const PLAIN = /^[\x20-\x7e]*$/
const NAMED: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Printable ASCII: it shows as it is, in as many columns as it has characters. */
export function isPlain(text: string): boolean {
  return PLAIN.test(text)
}

/** One line that does nothing but show: what a terminal would obey is written as an escape, `\x1b`. */
export function escapeControls(text: string): string {
  if (isPlain(text)) return text
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0)!
    if (code >= 0xd800 && code <= 0xdfff) return '\ufffd'
    if (code > 0xff) return `\\u{${code.toString(16)}}`
    return NAMED[character] ?? `\\x${code.toString(16).padStart(2, '0')}`
  })
}
