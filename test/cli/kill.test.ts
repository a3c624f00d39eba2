// `rollcall kill`, as people call it.

import assert from 'node:assert/strict'
import { Scoreboard } from '../../lib'
import { runCli, startWorker } from '../support/cli'
import { startHanging } from '../support/hanging'
import { tempDir } from '../support/temp-dir'

describe('rollcall kill', () => {
  it('ends a worker by its id, and says so', async () => {
    const baseDir = tempDir()
    const child = await startWorker(baseDir, 'web-1', 'x')

    const { code, stdout } = await runCli(['kill', baseDir, 'web-1'])

    assert.deepEqual([code, stdout], [0, `sent SIGTERM to web-1, pid ${child.pid}\n`])
    assert.equal((await child.exited).signal, 'SIGTERM')
  })

  it('takes any signal by name or number, and no other word', async () => {
    const baseDir = tempDir()
    const [one, two] = [await startWorker(baseDir, 'a', 'x'), await startWorker(baseDir, 'b', 'x')]

    const named = await runCli(['kill', '-s', 'sigkill', '--json', baseDir, 'a'])
    await runCli(['kill', '--signal', '9', baseDir, String(two.pid)])
    const wrong = await runCli(['kill', '--signal', 'KILLL', baseDir, 'a'])
    const other = await runCli(['kill', '--signal', 'FOO', baseDir, 'a'])

    assert.deepEqual(JSON.parse(named.stdout), { id: 'a', pid: one.pid, signal: 'SIGKILL' })
    for (const child of [one, two]) assert.equal((await child.exited).signal, 'SIGKILL')
    assert.equal(wrong.code, 64)
    assert.match(wrong.stderr, /did you mean SIGKILL\?/)
    assert.match(other.stderr, /got 'FOO'\n$/)
  })

  it('says of one that is blocked that no handler of it can run', async () => {
    using board = new Scoreboard({ baseDir: tempDir() })
    const { worker, child } = await startHanging(board, 'loop')

    const said = await runCli(['kill', '--signal', 'USR2', board.baseDir, worker.id])
    await child.exited
    const { child: other } = await startHanging(board, 'loop')
    const json = await runCli(['kill', '--signal', 'KILL', '--json', board.baseDir, String(other.pid)])
    await other.exited

    assert.match(said.stdout, /^sent SIGUSR2 .*\nit is blocked for \S+s, so .*; --signal KILL ends it\n$/)
    assert.ok(JSON.parse(json.stdout).blockedForMs > 0)
  })

  it('sends nothing to whom it does not know, and to nobody who is dead', async () => {
    const baseDir = tempDir()
    await startWorker(baseDir, 'web-1', 'x')
    await (await startWorker(baseDir, 'web-2', 'x')).killed()

    const unknown = await runCli(['kill', baseDir, 'web-11'])
    const dead = await runCli(['kill', baseDir, 'web-2'])

    assert.deepEqual([unknown.code, dead.code], [66, 66])
    assert.match(unknown.stderr, /No worker web-11 .*did you mean web-1\?/)
    assert.match(dead.stderr, /it is dead/)
  })
})
