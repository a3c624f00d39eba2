// Opening the board that a verb is about, without ever making one.

import { lstatSync } from 'node:fs'
import { join } from 'node:path'

import type { Scoreboard } from '../../scoreboard/scoreboard'
import type { ScoreboardOptions } from '../../scoreboard/types'
import { CliError, EXIT } from './exit-codes'
import { placeHint } from './place-hints'

/** Opens the board in `baseDir` to look at it. A missing one is an error, and stays missing. */
export async function openToRead(baseDir: string): Promise<Scoreboard> {
  return openExisting(baseDir, { readOnly: true })
}

/** Opens the board in `baseDir` to clean it. A missing one is an error, and stays missing. */
export async function openToWrite(baseDir: string, mode?: number): Promise<Scoreboard> {
  return openExisting(baseDir, { mode })
}

async function openExisting(
  baseDir: string,
  options: Omit<ScoreboardOptions, 'baseDir'>,
): Promise<Scoreboard> {
  // The addon is loaded only once there is something to open.
  checkExists(baseDir)
  const { Scoreboard } = await import('../../scoreboard/scoreboard.js')
  return new Scoreboard({ baseDir, ...options })
}

function checkExists(baseDir: string): void {
  try {
    // A directory of that name is likely to have the board in it.
    if (!lstatSync(join(baseDir, 'board')).isDirectory()) return
    throw Object.assign(new Error(`${join(baseDir, 'board')} is a directory`), { code: 'ENOENT' })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw cause
    const message = `No board in ${baseDir}: no worker has made one there${placeHint(baseDir, 'board')}`
    throw new CliError(EXIT.notFound, message, { cause })
  }
}
