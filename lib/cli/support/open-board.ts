// Opening the board that a verb is about, without ever making one.

import { join } from 'node:path'
import type { Command } from 'commander'

import type { Scoreboard } from '../../scoreboard/scoreboard'
import type { ScoreboardOptions } from '../../scoreboard/types'
import { ScoreboardError } from '../../util/errors'
import { pathHint, unmountedHint } from '../../util/path-trouble'
import { redactUrl } from '../../util/redact'
import { statsOf } from '../../util/trust'
import { CliError, EXIT } from './exit-codes'
import { placeHint } from './place-hints'

/** What every verb about a board is given. */
export interface BoardFlags {
  anyFilesystem?: boolean
}

/** Adds the options that say how to open a board. */
export function withBoard(command: Command): Command {
  return command.option(
    '--any-filesystem',
    'use a board on a network file system, whose numbers and locks cannot be trusted',
  )
}

/** Opens the board in `baseDir` to look at it. A missing one is an error, and stays missing. */
export async function openToRead(baseDir: string, flags: BoardFlags): Promise<Scoreboard> {
  return openExisting(baseDir, { readOnly: true }, flags)
}

/** Opens the board in `baseDir` to clean it. A missing one is an error, and stays missing. */
export async function openToWrite(
  baseDir: string,
  flags: BoardFlags & { mode?: number | undefined; deadForMs?: number },
): Promise<Scoreboard> {
  return openExisting(baseDir, { mode: flags.mode, deadForMs: flags.deadForMs }, flags)
}

async function openExisting(
  baseDir: string,
  options: Omit<ScoreboardOptions, 'baseDir' | 'allowAnyFilesystem'>,
  { anyFilesystem }: BoardFlags,
): Promise<Scoreboard> {
  // The addon is loaded only once there is something to open.
  checkExists(baseDir)
  const { Scoreboard } = await import('../../scoreboard/scoreboard.js')
  try {
    return new Scoreboard({ baseDir, ...options, allowAnyFilesystem: anyFilesystem })
  } catch (error) {
    throw inOptions(error)
  }
}

/** The library's advice in the options of the command. */
function inOptions(error: unknown): unknown {
  if (!(error instanceof ScoreboardError)) return error
  const message = error.message
    .replace('set allowAnyFilesystem', 'give --any-filesystem')
    .replace(", where option 'readOnly' can look at it", '')
    .replace(/the option 'mode'( \(now \d+\))?/, '--mode')
  const { code, cause = error, syscall, errno } = error
  return new ScoreboardError(code, message, { cause, syscall, errno })
}

/** A missing board is an error that says where there are others. */
export function checkExists(baseDir: string): void {
  try {
    // A directory of that name is likely to have the board in it.
    const stats = statsOf(join(baseDir, 'board'))
    if (stats !== undefined && !stats.isDirectory()) return
    // A link that leads nowhere is refused as any other is.
    if (statsOf(baseDir)?.isSymbolicLink()) return
    throw Object.assign(new Error(`${join(baseDir, 'board')} is no file`), { code: 'ENOENT' })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'EACCES') {
      const hint = pathHint(code, join(baseDir, 'board'))
      throw new CliError(EXIT.permission, `Cannot look into ${baseDir}${hint}`, { cause })
    }
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw cause
    const what =
      code === 'ENOTDIR' ? 'that is a file, and a board is a directory' : 'no worker has made one there'
    const why = unmountedHint(baseDir) || `: ${what}${placeHint(baseDir, 'board')}`
    const message = `No board in ${redactUrl(baseDir)}${why}`
    throw new CliError(EXIT.notFound, message, { cause })
  }
}
