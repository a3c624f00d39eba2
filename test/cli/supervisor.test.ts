// The program that starts commands and ends them whole, as `rollcall work` uses it.

import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandRequest, type Ending, StartError, Supervisor } from '../../lib/cli/support/supervisor'
import { findSupervisor } from '../../lib/cli/support/supervisor-program'
import { startChild } from '../support/child'
import { eventually } from '../support/eventually'
import { tempDir } from '../support/temp-dir'

function isRunning(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

function parentOf(pid: number): number {
  return Number(/^\d+ \(.*\) \w (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))![1])
}

/** System calls that have written something. */
function writesOf(pid: number): number {
  return Number(/^syscw: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))![1])
}

const COMMANDS = 20

describe('The supervisor of commands', () => {
  let supervisor: Supervisor

  beforeEach(() => {
    supervisor = new Supervisor()
  })
  afterEach(() => supervisor.close())

  async function run(words: CommandRequest['words'], more: Partial<CommandRequest> = {}, by = supervisor) {
    const said = { 1: '', 2: '' }
    const onOutput = (stream: 1 | 2, bytes: Buffer) => {
      said[stream] += bytes.toString('latin1')
    }
    const command = by.start({ words, onOutput, ...more })
    const ending: Ending = await command.ended
    return { ...ending, stdout: said[1], stderr: said[2] }
  }

  it('tells how a command has ended, and all that it wrote', async () => {
    assert.deepEqual(await run(['echo', 'hi']), {
      ...{ code: 0, signal: 0, outputClosed: false, stdout: 'hi\n', stderr: '' },
    })
    assert.equal((await run(['sh', '-c', 'echo bad >&2; exit 3'])).stderr, 'bad\n')
    assert.equal((await run(['sh', '-c', 'exit 3'])).code, 3)
    assert.equal((await run(['sh', '-c', 'kill -9 $$'])).code, 137)
    const much = await run(['sh', '-c', 'yes | head -c 3000000; exit 7'])
    assert.deepEqual([much.stdout.length, much.code], [3_000_000, 7])
  })

  it('passes bytes on as they are, as words, in the environment and as input', async () => {
    const bytes = Buffer.from([0xf3, 0x20, 0xff, 0x0a])

    const { stdout } = await run(['sh', '-c', 'printf %s "$1"; printf %s "$NAME"; cat', 'sh', bytes], {
      env: { NAME: bytes, PATH: process.env.PATH! },
      stdin: Buffer.concat([bytes, Buffer.alloc(1)]),
    })

    assert.equal(stdout, `${bytes.toString('latin1').repeat(3)}\0`)
  })

  it('says why a command cannot start', async () => {
    const folder = tempDir()
    const script = join(folder, 'script')
    writeFileSync(script, 'echo no interpreter is named\n')
    chmodSync(script, 0o755)

    await assert.rejects(run(['no-such-program']), { code: 'ENOENT', isOfProgram: true })
    await assert.rejects(
      run(['/etc/passwd']),
      (error) => error instanceof StartError && error.code === 'EACCES',
    )
    await assert.rejects(run(['true', 'x'.repeat(200_000)]), { code: 'E2BIG' })
    // As every shell does.
    assert.equal((await run([script])).stdout, 'no interpreter is named\n')
  })

  it('ends what a command leaves behind, also in other groups of its session', async () => {
    for (const script of [
      'sleep 999 & echo $!',
      'set -m; sleep 999 & echo $!',
      'trap "" TERM; sleep 999 & echo $!',
    ]) {
      const { stdout } = await run(['bash', '-c', script])
      assert.ok(!isRunning(Number(stdout)), script)
    }
    const { stdout } = await run(['bash', '-c', 'sleep 999 & echo $!'], { keepChildren: true })
    assert.ok(isRunning(Number(stdout)))
    process.kill(Number(stdout), 'SIGKILL')
  })

  it('ends everything when its worker is killed, also what ignores signals or has left its session', async () => {
    const child = startChild('supervised')
    const pids = await child.message<number[]>()
    assert.ok(pids.every(isRunning))

    await child.killed('SIGKILL')

    await eventually(
      () => !pids.some(isRunning),
      () => `the end of ${pids.filter(isRunning)}`,
    )
  })

  it('is not outlived by its commands when it is killed itself, and says that it is gone', async () => {
    const command = supervisor.start({ words: ['sleep', '999'] })
    const pid = await command.pid

    process.kill(parentOf(pid), 'SIGKILL')

    await assert.rejects(command.ended, /looks after commands is gone/)
    await eventually(() => !isRunning(pid), 'the end of the command')
    await assert.rejects(supervisor.start({ words: ['true'] }).ended, /is gone/)
  })

  it('has one message for the start and the end of a command that is soon over, not two', async () => {
    const patient = new Supervisor({ holdMs: 600_000 })
    try {
      const { stdout } = await run(['sh', '-c', 'echo $PPID'], {}, patient)
      const before = writesOf(Number(stdout))
      for (let i = 0; i < COMMANDS; i++) await patient.start({ words: ['true'] }).ended

      // The other is what wakes it up: a byte to itself for each child that has ended.
      assert.equal(writesOf(Number(stdout)) - before, 2 * COMMANDS)
    } finally {
      patient.close()
    }
  })

  it('does not go where it is not: the word says what to do', () => {
    const root = tempDir()
    assert.throws(
      () => findSupervisor(root),
      /rollcall-supervisor, .* is missing .*npm --prefix '.*' run install/,
    )

    mkdirSync(join(root, 'build', 'Release'), { recursive: true })
    writeFileSync(join(root, 'build', 'Release', 'rollcall-supervisor'), '', { mode: 0o644 })
    if (process.getuid!() !== 0) assert.throws(() => findSupervisor(root), /may not be executed \(EACCES\)/)
    assert.throws(() => findSupervisor(root, '1'), /is missing/)
  })
})
