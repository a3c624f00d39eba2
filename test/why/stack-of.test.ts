// Where a worker hangs: its stack, or what the kernel knows, and what becomes of it afterwards.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, copyFileSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { Scoreboard, stackOf, type WorkerEntry, type WorkerStack } from '../../lib'
import { native, STAT_NUMBERS } from '../../lib/binding'
import { startChild } from '../support/child'
import { runCli, startCli } from '../support/cli'
import { eventually } from '../support/eventually'
import { portsOf, startHanging } from '../support/hanging'
import { strace } from '../support/strace'
import { tempDir } from '../support/temp-dir'

const names = ({ frames }: WorkerStack) => frames?.map(({ functionName }) => functionName)

;(process.platform === 'linux' ? describe : describe.skip)('The stack of a worker', () => {
  let board: Scoreboard

  beforeEach(() => {
    board = new Scoreboard({ baseDir: tempDir() })
  })

  afterEach(() => board.close())

  const seen = async (stack: WorkerStack, pid: number) => {
    assert.deepEqual(portsOf(pid), [], 'its inspector is closed')
    assert.equal(board.snapshot().workers.find((one) => one.pid === pid)?.state, 'live')
    assert.equal(stack.refusal, undefined)
  }

  for (const [how, expected] of [
    ['loop', ['spinForEver', 'hang']],
    ['regexp', ['regexp', 'hang']],
    ['atomics', ['atomics', 'hang']],
  ] as const) {
    it(`is told where it hangs in ${how}, and its inspector is closed again`, async () => {
      const { worker, child } = await startHanging(board, how)

      const stack = await stackOf(worker, { board, timeoutMs: 20_000 })

      assert.deepEqual(names(stack)?.slice(0, 2), expected)
      assert.match(stack.frames![0]!.file, /test\/programs\/hanging\.ts$/)
      const text = readFileSync(stack.frames![0]!.file, 'utf8').split('\n')
      assert.match(text[stack.frames![0]!.line - 1]!, /turns|test\(|Atomics\.wait/)
      assert.ok(stack.inspectorOpenMs! > 0)
      await seen(stack, child.pid)
    })
  }

  it('is told of a worker thread, while its main thread turns', async () => {
    const { worker, child } = await startHanging(board, 'thread')

    const stack = await stackOf(worker, { board, timeoutMs: 20_000 })

    assert.deepEqual(names(stack)?.slice(0, 2), ['spinForEver', 'inThread'])
    assert.equal(stack.threadId, worker.threadId)
    await seen(stack, child.pid)
  })

  it('is empty where the event loop waits, and the worker goes on', async () => {
    const { worker, child } = await startHanging(board, 'turns')

    const stack = await stackOf(worker, { board, timeoutMs: 20_000 })

    assert.deepEqual(stack.frames, [])
    await seen(stack, child.pid)
    child.process.disconnect()
    assert.equal((await child.exited).code, 0)
  })

  it('is taken several times where that is wanted', async () => {
    const { worker, child } = await startHanging(board, 'loop')

    const stack = await stackOf(worker, { board, samples: 3, timeoutMs: 20_000 })

    assert.equal(stack.samples!.length, 3)
    for (const frames of stack.samples!) assert.equal(frames[0]!.functionName, 'spinForEver')
    await seen(stack, child.pid)
  })

  it('is none in a read that waits: the file is told, and no signal makes the read fail', async () => {
    const fifo = join(tempDir(), 'fifo')
    execFileSync('mkfifo', [fifo])
    const end = openSync(fifo, 'r+')
    const { worker } = await startHanging(board, 'fifo', { extra: [fifo] })

    const stack = await stackOf(worker, { board })

    assert.equal(stack.refusal!.code, 'in-kernel')
    assert.deepEqual([stack.kernel!.state, stack.kernel!.syscall], ['S', 'read'])
    assert.ok(stack.kernel!.target!.startsWith(fifo))
    writeSync(end, 'x')
    await eventually(() => board.snapshot().workers[0]!.status === 'read', 'the worker to have read')
    closeSync(end)
  })

  it('is none in execSync: what it waits for is told', async () => {
    const { worker, child } = await startHanging(board, 'exec-sync')

    const stack = await stackOf(worker, { board })

    assert.equal(stack.refusal!.code, 'in-kernel')
    assert.match(stack.kernel!.children![0]!, /^\d+ .*sleep 60$/)
    const sleeper = Number.parseInt(stack.kernel!.children![0]!, 10)
    assert.deepEqual(portsOf(child.pid), [])
    process.kill(sleeper)
  })

  it('is none in native code within its time-out, and an inspector that opens later is closed by the heart', async () => {
    const { worker, child } = await startHanging(board, 'native')

    const stack = await stackOf(worker, { board, timeoutMs: 100 })

    assert.deepEqual([stack.refusal!.code, stack.kernel!.state], ['no-answer', 'R'])
    const find = () => board.snapshot().workers.find(({ pid }) => pid === child.pid)!
    await eventually(() => find().heartbeatAgeMs! < 100, 'its loop to turn again')
    await eventually(() => !board.inspection(worker)!.isInspected, 'its heart to have seen the note')
    await eventually(() => portsOf(child.pid).length === 0, 'its inspector to be closed')
  })

  it('is none of a stopped process, which goes on afterwards', async () => {
    const { worker, child } = await startHanging(board, 'turns')
    child.signal('SIGSTOP')
    await eventually(() => /\) T /.test(readFileSync(`/proc/${child.pid}/stat`, 'utf8')), 'it to be stopped')

    const stack = await stackOf(worker, { board })
    child.signal('SIGCONT')

    assert.deepEqual([stack.refusal!.code, stack.kernel!.state], ['stopped', 'T'])
    const after = await stackOf(worker, { board, timeoutMs: 20_000 })
    assert.deepEqual(after.frames, [])
  })

  describe('is refused', () => {
    const code = async (worker: WorkerEntry, options = {}) => (await stackOf(worker, options)).refusal?.code

    it('where the pid is another process by now, or another container’s', async () => {
      const { worker } = await startHanging(board, 'loop')

      assert.equal(await code({ ...worker, processStart: worker.processStart! + 1 }), 'gone')
      assert.equal(await code({ ...worker, pid: 2 ** 22 + 1 }), 'gone')
      assert.equal(await code({ ...worker, pidNamespace: worker.pidNamespace! + 1 }), 'other-namespace')
      assert.equal(await code({ ...worker, pidNamespace: 0 }), 'other-namespace')
      assert.equal(await code({ ...worker, state: 'dead' }), 'dead')
      assert.equal(await code(worker, { inspector: false }), 'not-wanted')
    })

    it('where the signal would end the process, or is not Node’s', async () => {
      const { worker } = await startHanging(board, 'turns')
      const folder = tempDir()
      copyFileSync('/bin/sleep', join(folder, 'node'))
      const asked = async (program: string) => {
        const child = spawn(program, ['60'])
        await once(child, 'spawn')
        const numbers = new Float64Array(STAT_NUMBERS)
        native.processStats(Float64Array.of(child.pid!, 0), numbers)
        try {
          return await code({ ...worker, pid: child.pid!, processStart: numbers[3]! })
        } finally {
          child.kill('SIGKILL')
          await once(child, 'exit')
        }
      }

      assert.equal(await asked('/bin/sleep'), 'not-node')
      assert.equal(await asked(join(folder, 'node')), 'no-handler')
    })

    it('where the program has a use of its own for the signal, which is not disturbed', async () => {
      const { worker, child } = await startHanging(board, 'own-handler')
      await eventually(() => board.inspection(worker)!.handlesSigusr1, 'the heart to have said so')

      assert.equal(await code(worker, { board }), 'own-handler')
      assert.deepEqual(portsOf(child.pid), [])
      assert.equal(board.snapshot().workers[0]!.status, 'working')
    })

    it('where Node was told to leave the signal alone, which would end it', async function () {
      if (!process.allowedNodeEnvironmentFlags.has('--disable-sigusr1')) return this.skip()
      const { worker, child } = await startHanging(board, 'turns', { node: ['--disable-sigusr1'] })

      assert.equal(await code(worker, { board }), 'no-handler')
      assert.deepEqual(portsOf(child.pid), [])
    })

    it('where another process traces it, which would see the signal first', async function () {
      // Tracing a process that is no child of the tracer may need it.
      if (process.getuid!() !== 0) return this.skip()
      const { worker, child } = await startHanging(board, 'turns')
      const tracer = spawn(strace(), ['-qq', '-p', String(child.pid)], { stdio: 'ignore' })
      const ended = once(tracer, 'exit')
      await eventually(
        () => readFileSync(`/proc/${child.pid}/status`, 'utf8').includes(`TracerPid:\t${tracer.pid}`),
        'the tracer to be at it',
      )

      const stack = await stackOf(worker, { board })
      tracer.kill()
      await ended

      assert.equal(stack.refusal!.code, 'traced')
      assert.match(stack.refusal!.message, new RegExp(`^process ${tracer.pid} traces it`))
      assert.deepEqual(portsOf(child.pid), [])
    })

    it('to another user', async function () {
      if (process.getuid!() !== 0) return this.skip()
      const { worker } = await startHanging(board, 'loop')

      const asker = startChild('asker', JSON.stringify(worker), '{}', '65534')

      assert.equal((await asker.message<WorkerStack>()).refusal!.code, 'other-user')
    })

    it('where a debugger is at it, and it stays at it', async () => {
      const { worker, child } = await startHanging(board, 'turns', { node: ['--inspect=127.0.0.1:0'] })
      const [port] = portsOf(child.pid)
      const list = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as [
        { webSocketDebuggerUrl: string },
      ]
      const { WebSocket } = await import('ws')
      const other = new WebSocket(list[0].webSocketDebuggerUrl)
      await once(other, 'open')

      const refused = await code(worker, { board, timeoutMs: 20_000 })
      other.send('{"id":1,"method":"Runtime.evaluate","params":{"expression":"6*7"}}')
      const [answer] = await once(other, 'message')
      other.terminate()

      assert.equal(refused, 'debugger-attached')
      assert.match(String(answer), /42/)
    })
  })

  it('leaves an inspector open that was open, wherever it listens', async () => {
    const { worker, child } = await startHanging(board, 'loop', { node: ['--inspect=127.0.0.1:0'] })
    const ports = portsOf(child.pid)

    const stack = await stackOf(worker, { board, timeoutMs: 20_000 })

    assert.equal(names(stack)?.[0], 'spinForEver')
    assert.equal(stack.inspectorOpenMs, 0)
    assert.deepEqual(portsOf(child.pid), ports)
  })

  it('is found on whatever port the process was told', async () => {
    const { worker, child } = await startHanging(board, 'loop', { node: ['--inspect-port=0'] })

    const stack = await stackOf(worker, { board, timeoutMs: 20_000 })

    assert.equal(names(stack)?.[0], 'spinForEver')
    await seen(stack, child.pid)
  })

  it('is closed by cleanup where whoever asked was killed in between', async () => {
    const { worker, child } = await startHanging(board, 'loop')
    const why = startCli(['why', '--samples', '200', board.baseDir, worker.id])
    await eventually(() => portsOf(child.pid).length > 0, 'the inspector to be open')
    why.child.kill('SIGKILL')
    await once(why.child, 'exit')
    assert.equal(portsOf(child.pid).length, 1)

    const { stdout } = await runCli(['cleanup', board.baseDir])

    assert.equal(stdout, 'freed 0 slots, removed 0 files, closed 1 inspector that somebody had left open\n')
    assert.deepEqual(portsOf(child.pid), [])
    assert.equal(board.inspection(worker)!.isInspected, false)
  })

  it('is closed by the worker itself where whoever asked was killed and it turns', async () => {
    const { worker, child } = await startHanging(board, 'turns')
    const why = startCli(['why', '--samples', '10', '--timeout', '1s', board.baseDir, worker.id])
    await eventually(() => portsOf(child.pid).length > 0, 'the inspector to be open')
    why.child.kill('SIGKILL')

    await eventually(() => portsOf(child.pid).length === 0, 'the heart to have closed it')
  })

  it('may be asked for thirty times of a busy server, which answers all the while', async () => {
    const { worker, child } = await startHanging(board, 'serves')
    const port = await child.ask<number>('port')
    let answers = 0
    let isOver = false
    const load = (async () => {
      for (; !isOver; answers++) assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 200)
    })()

    for (let round = 0; round < 30; round++) {
      const before = answers
      const stack = await stackOf(worker, { board, timeoutMs: 20_000 })
      assert.equal(stack.refusal, undefined)
      await eventually(() => answers > before, 'an answer')
    }
    isOver = true
    await load

    assert.deepEqual(portsOf(child.pid), [port])
  }).timeout(120_000)
})
