// The style and the script of the page: files of their own in assets/, put into the page itself so that it
// needs nothing else, and named by their hashes in its content security policy.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Html, trusted } from './html'

interface Asset {
  content: Html
  /** `'sha256-...'`, as a content security policy names it. */
  hash: string
}

// As seen from the compiled file, dist/lib/page/assets.js.
const ASSETS = join(__dirname, '..', '..', '..', 'assets')

function load(name: string): Asset {
  const text = readFileSync(join(ASSETS, name), 'utf8')
  return {
    content: trusted(text),
    hash: `'sha256-${createHash('sha256').update(text).digest('base64')}'`,
  }
}

let loaded: { style: Asset; script: Asset } | undefined

/** Read once, when the first page is made. */
export function pageAssets(): { style: Asset; script: Asset } {
  loaded ??= { style: load('status-page.css'), script: load('status-page.js') }
  return loaded
}
