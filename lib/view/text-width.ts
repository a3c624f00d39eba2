// How wide a text is on a terminal. What knows of scripts and emoji takes longer to load than all the rest of
// rollcall, and most texts are plain: so it is loaded with the first that is not.

import type stringWidth from 'string-width'

import { isPlain } from './escape-controls'

let measure: typeof stringWidth | undefined
let segmenter: Intl.Segmenter | undefined

/** In columns; escape sequences have none. */
export function textWidth(text: string): number {
  if (isPlain(text)) return text.length
  measure ??= (require('string-width') as { default: typeof stringWidth }).default
  return measure(text)
}

/** What people see as characters, each of one code point or more. */
export function graphemes(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter()
  return segmenter.segment(text)
}
