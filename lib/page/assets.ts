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

function load(...names: string[]): Asset {
  const text = names.map((name) => readFileSync(join(ASSETS, name), 'utf8')).join('\n')
  return {
    content: trusted(text),
    hash: `'sha256-${createHash('sha256').update(text).digest('base64')}'`,
  }
}

export interface Assets {
  style: Asset
  script: Asset
}

let ofStatus: Assets | undefined
let ofFleet: Assets | undefined

/** Read once, when the first page is made. */
export function pageAssets(): Assets {
  ofStatus ??= { style: load('status-page.css'), script: load('status-page.js') }
  return ofStatus
}

/** Those of a fleet's page: what it looks like, and how it differs from a board's. */
export function fleetAssets(): Assets {
  ofFleet ??= { style: load('status-page.css', 'fleet-page.css'), script: load('fleet-page.js') }
  return ofFleet
}
