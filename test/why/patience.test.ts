// How long a process is given before it counts as one that does not answer.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Patience } from '../../lib/why/patience'
import { eventually } from '../support/eventually'

const ROUND_MS = 100
const SPIN = 'for (;;);'

async function roundsGivenTo(pid: number): Promise<number> {
  let more = 0
  using patience = new Patience(pid, ROUND_MS, () => more++)
  await once(patience.signal, 'abort')
  return more
}

describe('The patience with a process', () => {
  const children: ChildProcess[] = []
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })

  function start(command: string, ...args: string[]): number {
    const child = spawn(command, args, { stdio: 'ignore' })
    children.push(child)
    return child.pid!
  }

  it('ends after its time where the process waits for something, or is gone', async () => {
    assert.equal(await roundsGivenTo(start('sleep', '60')), 0)
    const { pid } = spawnSync('true')
    assert.equal(await roundsGivenTo(pid), 0)
  })

  it('lasts five times as long where another has the processor', async function () {
    if (spawnSync('taskset', ['-c', '0', 'true']).status !== 0) this.skip()
    const spin = [process.execPath, '-e', SPIN]
    start('taskset', '-c', '0', ...spin)
    start('taskset', '-c', '0', ...spin)
    const starved = start('taskset', '-c', '0', 'nice', '-n', '19', ...spin)
    const isNode = () => /\bnode\b/.test(spawnSync('ps', ['-o', 'comm=', String(starved)]).stdout.toString())
    await eventually(isNode, 'it is the program')

    assert.equal(await roundsGivenTo(starved), 4)
  })
})
