// The example does what it says, with a worker killed on the way.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../../support/eventually'
import { EXAMPLES } from '../../support/paths'
import { describeZookeeper, uniqueUrl } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

const EXAMPLE = join(EXAMPLES, 'checksums.js')
const FILES = 400

function checksumsOn(freshUrl: () => Promise<string>): void {
  it('has the checksum of every file, although a worker was killed', async () => {
    const dir = tempDir()
    const expected = new Set<string>()
    for (let i = 0; i < FILES; i++) {
      const folder = join(dir, String(i % 7))
      mkdirSync(folder, { recursive: true })
      const data = Buffer.alloc(20_000, `file ${i}`)
      writeFileSync(join(folder, `${i}`), data)
      expected.add(`${createHash('sha256').update(data).digest('hex')}  ${join(folder, `${i}`)}`)
    }
    const env = { ...process.env, ROLLCALL_QUEUE: await freshUrl() }
    const children: ChildProcess[] = []
    const outputs: { text: string }[] = []
    const lines = () => outputs.flatMap(({ text }) => text.split('\n').filter((line) => line !== ''))
    const start = (...args: string[]) => {
      const child = spawn(process.execPath, [EXAMPLE, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
      const output = { text: '' }
      outputs.push(output)
      child.stdout!.on('data', (chunk) => {
        output.text += chunk
      })
      children.push(child)
      return child
    }

    try {
      const [victim, survivor] = [start('worker'), start('worker')]
      const master = start('master', dir)
      const ended = once(master, 'close')
      await eventually(() => lines().length > 0, 'the first checksum')
      victim.kill('SIGKILL')
      const survived = once(survivor, 'close')
      const [code] = await ended

      assert.equal(code, 0)
      assert.equal((await survived)[0], 0)
      assert.deepEqual(new Set(lines()), expected)
    } finally {
      for (const child of children) child.kill('SIGKILL')
    }
  })
}

describe('The example of checksums, on this machine', () => {
  checksumsOn(async () => join(tempDir(), 'queue'))
})

describeZookeeper('The example of checksums, on ZooKeeper', () => {
  checksumsOn(uniqueUrl)
})
