// Colours, or none. picocolors asks for standard output while it is loaded, and that takes Node longer than a whole table:
// so it is loaded where there are colours.

import type picocolors from 'picocolors'

type Colors = Pick<
  ReturnType<typeof picocolors.createColors>,
  'bold' | 'dim' | 'inverse' | 'red' | 'yellow' | 'green'
>

const NONE: Colors = {
  bold: String,
  dim: String,
  inverse: String,
  red: String,
  yellow: String,
  green: String,
}

export function colorsIf(wanted: boolean): Colors {
  return wanted ? (require('picocolors') as typeof picocolors).createColors(true) : NONE
}
