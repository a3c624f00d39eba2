// The ack logs of the timers of one machine: `acks-<wid>` beside the database, 32-bit numbers of claims in the
// order of their acks. An ack is one write to the end of that file, which survives the death of any process at
// once, as a commit does; a power cut may forget it, as it may forget the last commits.
//
// The writer of a log and its takers never wait for each other. The writer writes, then looks at the shared counter
// `revoked`; a taker adds to that counter, then reads. With a full fence between the two on either side, at
// least one of them sees what the other did, as in Dekker's algorithm.
//
// A log is deleted by its owner, when the store knows all that is in it; or once its owner's slot is free and
// the pages have been looked through since. From the moment in which the slot is free nothing is recorded.

import { closeSync, ftruncateSync, writeSync } from 'node:fs'
import path from 'node:path'
import { WatchdogError } from '../../../util/errors'
import { createFile, readWhole, removeFile } from '../../../util/trust'
import type { AckLog, AckLogs } from '../store'
import { logName, widOf } from './ack-log-name'
import { folderError } from './folder-errors'
import type { QueueFolder } from './queue-folder'

const NUMBER_BYTES = 4
/** A log that is this long begins anew. */
const LONGEST_BYTES = 4096
/** Far more than the acks of one claim; what is longer was not written by a timer. */
const MAX_BYTES = 1 << 20

export class LocalAckLogs implements AckLogs {
  readonly #folder: () => QueueFolder | undefined
  readonly #url: string
  readonly #opened = new Set<LocalLog>()

  constructor(folder: () => QueueFolder | undefined, url: string) {
    this.#folder = folder
    this.#url = url
  }

  open(timers: string, wid: string): AckLog | undefined {
    const folder = this.#folder()
    const slot = `${timers}/${wid}`
    if (folder?.slots.owns(slot) !== true) return undefined
    const file = fileOf(folder, wid)
    if (file === undefined) return undefined
    try {
      return new LocalLog(folder, { slot, file, opened: this.#opened })
    } catch {
      // No room, or too many open files: the acks can do without.
      return undefined
    }
  }

  read(wid: string, number: number): number {
    const folder = this.#folder()
    const file = folder === undefined ? undefined : fileOf(folder, wid)
    if (file === undefined) return 0
    try {
      return recordsIn(file, number)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall !== undefined) throw folderError(error, this.#url)
      const { message } = error as Error
      throw new WatchdogError('ERR_CORRUPT', `Cannot read the acks of ${wid}: ${message}; remove it`, {
        cause: error,
      })
    }
  }

  take(wid: string, number: number): number {
    this.#folder()?.slots.announceRevocation()
    return this.read(wid, number)
  }

  abandoned(timers: string): string[] {
    const folder = this.#folder()
    if (folder === undefined) return []
    // In this order: a slot is there before its log.
    const wids = folder.names.flatMap((name) => widOf(name) ?? [])
    folder.slots.expireView()
    return wids.filter((wid) => !folder.slots.isAlive(`${timers}/${wid}`))
  }

  remove(wid: string): void {
    const folder = this.#folder()
    const file = folder === undefined ? undefined : fileOf(folder, wid)
    // One that stays, on a disk that may only be read, the next to look after the queue removes.
    if (file !== undefined) removeFile(file)
  }

  /** What the logs say stays for others to read. */
  close(): void {
    for (const log of [...this.#opened]) log.close()
  }
}

function fileOf(folder: QueueFolder, wid: string): string | undefined {
  const name = logName(wid)
  return name === undefined ? undefined : path.join(folder.path, name)
}

function recordsIn(file: string, number: number): number {
  const bytes = readWhole(file, MAX_BYTES)
  if (bytes === undefined) return 0
  let count = 0
  for (let at = 0; at + NUMBER_BYTES <= bytes.length; at += NUMBER_BYTES) {
    if (bytes.readUInt32LE(at) === number) count++
  }
  return count
}

class LocalLog implements AckLog {
  readonly #folder: QueueFolder
  readonly #slot: string
  readonly #file: string
  /** Where it is while it has a descriptor. */
  readonly #opened: Set<LocalLog>
  readonly #bytes = Buffer.alloc(NUMBER_BYTES)
  #descriptor: number | undefined
  #length = 0
  /** Nothing was recorded since `begin()`. */
  #isNew = true
  /** Of the slots, when the claim was about to be made; undefined once they were seen to differ. */
  #revocations: number | undefined

  constructor(
    folder: QueueFolder,
    { slot, file, opened }: { slot: string; file: string; opened: Set<LocalLog> },
  ) {
    this.#folder = folder
    this.#slot = slot
    this.#file = file
    this.#opened = opened
    this.#descriptor = createFile(file, 0o600)
    opened.add(this)
  }

  /** From the moment in which the slot is free, others may delete the log. */
  get #isOurs(): boolean {
    return this.#descriptor !== undefined && this.#folder.slots.owns(this.#slot)
  }

  begin(): boolean {
    this.#isNew = true
    this.#revocations = this.#isOurs ? this.#folder.slots.revocations() : undefined
    return this.#revocations !== undefined
  }

  record(number: number): boolean {
    if (this.#revocations === undefined || !this.#isOurs) return false
    this.#isNew = false
    try {
      this.#bytes.writeUInt32LE(number)
      const written = writeSync(this.#descriptor!, this.#bytes)
      if (written !== NUMBER_BYTES) throw new Error('The file ends in the middle of a record')
      this.#length += NUMBER_BYTES
      if (this.#folder.slots.revocations() === this.#revocations) return true
    } catch {
      // A full disk, or the queue is gone: the store will say. Nothing can follow what was written in part.
      this.close()
    }
    this.#revocations = undefined
    return false
  }

  trim(): void {
    if (!this.#isNew || this.#length < LONGEST_BYTES || this.#descriptor === undefined) return
    try {
      ftruncateSync(this.#descriptor)
      this.#length = 0
    } catch {
      this.close()
    }
  }

  remove(): void {
    this.close()
    removeFile(this.#file)
  }

  close(): void {
    const descriptor = this.#descriptor
    if (descriptor === undefined) return
    this.#descriptor = undefined
    this.#opened.delete(this)
    closeSync(descriptor)
  }
}
