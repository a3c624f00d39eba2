// The style and the script of the page: files of their own in assets/, put into the page itself so that it
// needs nothing else, and named by their hashes in its content security policy.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LEGEND_STYLE } from './fleet-cells'
import { type Html, trusted } from './html'

interface Asset {
  content: Html
  /** `'sha256-...'`, as a content security policy names it. */
  hash: string
}

// As seen from the compiled file, dist/lib/page/assets.js.
const ASSETS = join(__dirname, '..', '..', '..', 'assets')

function read(...names: string[]): string {
  return names.map((name) => readFileSync(join(ASSETS, name), 'utf8')).join('\n')
}

function assetOf(text: string): Asset {
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
  ofStatus ??= { style: assetOf(read('status-page.css')), script: assetOf(read('status-page.js')) }
  return ofStatus
}

/** Those of a fleet's page: what it looks like, and how it differs from a board's. */
export function fleetAssets(): Assets {
  ofFleet ??= {
    style: assetOf(`${read('status-page.css', 'fleet-page.css')}\n${LEGEND_STYLE}`),
    script: assetOf(read('fleet-page.js')),
  }
  return ofFleet
}
