// A worker that blocks its event loop when it is told to, in the way that its second argument says.

import { execSync } from 'node:child_process'
import { pbkdf2Sync } from 'node:crypto'
import { openSync, readSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Worker } from 'node:worker_threads'
import { Scoreboard, type ScoreboardOptions } from '../../lib'

const [options, how, extra] = process.argv.slice(2) as [string, string, string | undefined]
const board = new Scoreboard(JSON.parse(options) as ScoreboardOptions)

function blockFor(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

function spinForEver(): void {
  for (let turns = 0; ; turns++) if (turns < 0) break
}

const BLOCKS: Record<string, () => void> = {
  turns() {},
  'own-handler'() {
    process.on('SIGUSR1', () => board.update('my own signal'))
  },
  publishes() {
    for (;;) {
      board.update('still here')
      blockFor(1)
    }
  },
  blocks() {
    blockFor(1000)
    setTimeout(() => board.update('back'), 200)
  },
  'blocks-for-ever': spinForEver,
  loop: spinForEver,
  regexp() {
    ;/^(a+)+$/.test(`${'a'.repeat(50)}b`)
  },
  atomics() {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  },
  fifo() {
    readSync(openSync(extra!, 'r+'), Buffer.alloc(1))
    board.update('read')
  },
  'exec-sync'() {
    execSync('sleep 60')
  },
  native() {
    // Seconds in C++, without a look at interrupts, a lock or memory to wait for.
    pbkdf2Sync('password', 'salt', 2_000_000, 64, 'sha512')
  },
  serves() {
    const server = createServer((_, response) => {
      blockFor(2)
      response.end('served')
    }).listen(0, '127.0.0.1')
    process.removeAllListeners('message')
    process.on('message', () => {
      const tell = () => process.send!((server.address() as AddressInfo).port)
      if (server.listening) tell()
      else server.once('listening', tell)
    })
  },
  thread() {
    new Worker(__filename, { argv: [options, 'in-thread'] })
  },
}

function hang(): void {
  BLOCKS[how]!()
}

if (how === 'in-thread') {
  board.update('in a thread')
  setTimeout(function inThread() {
    spinForEver()
  }, 50)
} else {
  if (how !== 'thread') board.update('working')
  process.on('message', hang)
  process.send!('ready')
}
