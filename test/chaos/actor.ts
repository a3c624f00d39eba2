// A process of a round, as the round that does the damage sees it: started, killed, stopped, continued,
// and its clock moved.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export type RoleName = 'worker' | 'producer' | 'manager' | 'follower'

/** Where Debian and others put the library that moves clocks. */
const FAKETIME = ['x86_64-linux-gnu', 'aarch64-linux-gnu', '']
  .map((platform) => path.join('/usr/lib', platform, 'faketime', 'libfaketimeMT.so.1'))
  .find((file) => fs.existsSync(file))

export const clocksCanJump = FAKETIME !== undefined

/** The program of a role is the file of its name beside this one. */
export class Actor<R extends string = RoleName> {
  readonly role: R
  readonly process: ChildProcess
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  readonly #clock: string
  stopped = false

  constructor(role: R, orders: { name: string }, scratchDir: string) {
    this.role = role
    this.#clock = path.join(scratchDir, `${orders.name}.clock`)
    const env = { ...process.env }
    if (FAKETIME !== undefined) {
      fs.writeFileSync(this.#clock, '+0')
      Object.assign(env, {
        LD_PRELOAD: FAKETIME,
        FAKETIME_TIMESTAMP_FILE: this.#clock,
        FAKETIME_CACHE_DURATION: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        DONT_FAKE_MONOTONIC: '1',
      })
    }
    this.process = fork(path.join(__dirname, `${role}.js`), [JSON.stringify(orders)], { env })
    this.exited = new Promise((resolve) => {
      this.process.once('exit', (code, signal) => resolve({ code, signal }))
    })
  }

  get pid(): number {
    return this.process.pid!
  }

  get isRunning(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null
  }

  async ready(): Promise<void> {
    await Promise.race([once(this.process, 'message'), this.exited])
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.exited
  }

  /** Stands still for a while. */
  async pause(ms: number): Promise<void> {
    this.stopped = true
    this.process.kill('SIGSTOP')
    await delay(ms)
    this.process.kill('SIGCONT')
    this.stopped = false
  }

  setClock(offsetSeconds: number): void {
    fs.writeFileSync(this.#clock, `${offsetSeconds < 0 ? '' : '+'}${offsetSeconds}`)
  }

  /** Tells it that the round is over. */
  tellToStop(): void {
    // A process that was killed a moment ago looks alive, and cannot be told any more.
    if (this.isRunning && this.process.connected) this.process.send('stop', () => {})
  }
}
