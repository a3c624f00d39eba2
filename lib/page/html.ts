// Text made safe for a page. Everything that goes into HTML goes through the tag `html`, which escapes
// whatever is not HTML already.

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A piece of HTML, safe to put into another one. Made only by the tag `html` and by `trusted`. */
export class Html {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text
  }
}

/** What may stand in a template: HTML as it is, lists piece by piece, nothing for `undefined` and `false`. */
export type Piece = Html | string | number | undefined | false | readonly Piece[]

export function html(strings: TemplateStringsArray, ...pieces: Piece[]): Html {
  let text = strings[0]!
  for (const [i, piece] of pieces.entries()) text += render(piece) + strings[i + 1]!
  return new Html(text)
}

/** Text of ours that is HTML, style or script already. Never for what comes from a worker. */
export function trusted(text: string): Html {
  return new Html(text)
}

function render(piece: Piece): string {
  if (piece === undefined || piece === false) return ''
  if (piece instanceof Html) return piece.text
  if (typeof piece === 'object') return piece.map(render).join('')
  return String(piece).replace(/[&<>"']/g, (character) => ENTITIES[character]!)
}
