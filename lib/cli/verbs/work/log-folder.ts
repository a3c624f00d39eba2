// `--log-dir`: two files for the output of each attempt, and an `index` that says of which item each is.

import { closeSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openNew, openToAppend } from '../../../util/trust'
import { escapeControls } from '../../../view/escape-controls'
import { showItem } from '../../parse/items'
import { useFile } from '../../support/file-errors'
import { type Stream, writeAll } from './spool'

/** So much of an item is in the index. */
const MAX_SHOWN = 1000

export class LogFolder {
  readonly #path: string
  readonly #index: number

  constructor(path: string) {
    this.#path = path
    this.#index = useFile('--log-dir', path, () => {
      mkdirSync(path, { recursive: true })
      return openToAppend(join(path, 'index'))
    })
  }

  /** The files of an attempt. Where an earlier run has them, the next number is taken: nothing is overwritten. */
  open({ id, attempt, item }: { id: string; attempt: number; item: unknown }): Record<Stream, number> {
    for (let number = attempt; ; number++) {
      const name = number === 1 ? id : `${id}.${number}`
      const out = this.#openNew(`${name}.out`)
      if (out === undefined) continue
      const err = this.#openNew(`${name}.err`)
      if (err === undefined) {
        closeSync(out)
        continue
      }
      const shown = escapeControls(showItem(item)).slice(0, MAX_SHOWN)
      writeAll(this.#index, Buffer.from(`${name}\t${shown}\n`))
      return { 1: out, 2: err }
    }
  }

  #openNew(name: string): number | undefined {
    try {
      return openNew(join(this.#path, name))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined
      throw error
    }
  }

  close(): void {
    closeSync(this.#index)
  }
}
