// Processes that are there and are not shown, or not as they are: whoever asks is told why, and never that a living worker
// has ended. The commands run in clothes of containers, which only root can make.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { Scoreboard, stackOf } from '../../lib'
import { startReady } from '../support/child'
import { MAIN, startWorker } from '../support/cli'
import { eventually } from '../support/eventually'
import { startHanging } from '../support/hanging'
import { NOBODY, onlyAsRoot, otherUser } from '../support/other-user'
import { tempDir } from '../support/temp-dir'

const linux = process.platform === 'linux' ? describe : describe.skip
const NO_RIGHTS = ['setpriv', '--bounding-set=-all', '--inh-caps=-all']

/** Runs a command in what a program makes of its surroundings; undefined where that cannot be had here. */
function run(clothes: string[], args: string[]): { status: number | null; text: string } | undefined {
  if (spawnSync(clothes[0]!, [...clothes.slice(1), 'true']).status !== 0) return undefined
  const command = [...clothes.slice(1), process.execPath, MAIN, ...args]
  const { status, stdout, stderr } = spawnSync(clothes[0]!, command, { encoding: 'utf8' })
  return { status, text: stdout + stderr }
}

const withMount = (mount: string, ...more: string[]) => {
  return ['unshare', '-m', 'sh', '-c', `${mount} && "$@"`, 'sh', ...more]
}

linux('A worker whose process is not shown to us', () => {
  onlyAsRoot()

  /** A worker of another user, on a board that all may read. */
  const startOther = async () => {
    const baseDir = tempDir()
    chownSync(baseDir, NOBODY, NOBODY)
    chmodSync(baseDir, 0o755)
    const other = await otherUser()
    const options = { baseDir, workerId: 'w', mode: 0o644, slots: 4 }
    const { message } = await other.ask({ what: 'open', options })
    assert.equal(message, undefined)
    await other.ask({ what: 'board', method: 'update', args: ['x'] })
    return baseDir
  }

  const ways: [what: string, clothes: string[], says: RegExp, code: number][] = [
    [
      'because /proc hides it',
      // Group 0 is shown all, where the mount names no other.
      withMount('mount -t proc -o hidepid=2 proc /proc', ...NO_RIGHTS, '--regid=12345', '--clear-groups'),
      /\(hidepid\): ask as its user or as root/,
      77,
    ],
    [
      'because there is no /proc',
      withMount('mount -t tmpfs none /proc'),
      /\/proc is not mounted here, and nothing else/,
      69,
    ],
    [
      'because root has lost its rights',
      NO_RIGHTS,
      /belongs to user 65534, and we are root without the right to it \(CAP_SYS_PTRACE/,
      77,
    ],
    [
      'because its starts are counted from another time',
      ['unshare', '-T', '--boottime', '500', 'sh', '-c', '"$@"', 'sh'],
      /it seems to run in another time namespace/,
      69,
    ],
  ]
  it('is not said to have ended, by why and by kill, whatever it is that hides it', async function () {
    const baseDir = await startOther()
    const skipped: string[] = []
    for (const [what, clothes, says, code] of ways) {
      const why = run(clothes, ['why', baseDir, 'w'])
      if (why === undefined) {
        skipped.push(what) // this machine has no such clothes
        continue
      }
      const kill = run(clothes, ['kill', '-s', 'USR2', baseDir, 'w'])!

      assert.match(why.text, says, what)
      assert.match(kill.text, says, what)
      assert.deepEqual([why.status, kill.status], [code, code], what)
    }
    if (skipped.length > 0) this.test!.title += ` (not tried here: ${skipped.join(', ')})`
    if (skipped.length === ways.length) this.skip()
  })

  it('has no age of the heart where that beats in our future', async function () {
    const baseDir = tempDir()
    await startWorker(baseDir, 'w', 'x')

    const ls = run(
      ['unshare', '-T', '--monotonic', '-60', 'sh', '-c', '"$@"', 'sh'],
      ['ls', '--json', baseDir],
    )
    if (ls === undefined) return this.skip() // no time namespaces here, or a machine that is up for no minute

    const [worker] = JSON.parse(ls.text).workers
    assert.deepEqual(
      [worker.state, worker.heartbeatMs, worker.heartbeatAgeMs],
      ['live', undefined, undefined],
    )
    assert.ok(worker.ageMs < 60_000)
  })
})

linux('A worker in a frozen cgroup', () => {
  onlyAsRoot()

  it('is said to be paused, by why and by its vitals', async function () {
    const root = tempDir()
    if (spawnSync('mount', ['-t', 'cgroup2', 'none', root]).status !== 0) return this.skip()
    const group = join(root, `rollcall-test-${process.pid}`)
    mkdirSync(group)
    try {
      using board = new Scoreboard({ baseDir: tempDir() })
      const options = JSON.stringify({ baseDir: board.baseDir, workerId: 'w', heartbeatMs: 20 })
      const child = await startReady('worker', options)
      await child.ask({ method: 'open' })
      await child.ask({ method: 'update', args: ['x'] })
      writeFileSync(join(group, 'cgroup.procs'), String(child.pid))
      writeFileSync(join(group, 'cgroup.freeze'), '1')
      const isFrozen = () => readFileSync(join(group, 'cgroup.events'), 'utf8').includes('frozen 1')
      await eventually(isFrozen, 'it to be frozen')
      const entry = () => board.snapshot({ vitals: true }).workers[0]!
      await eventually(() => entry().vitals!.procState === 'F', 'its heart to stand still')

      const { refusal, kernel } = await stackOf(entry())
      writeFileSync(join(group, 'cgroup.freeze'), '0')
      await child.killed()

      assert.deepEqual([refusal!.code, kernel!.state], ['stopped', 'F'])
      assert.match(refusal!.message, /its cgroup is frozen, as by docker pause/)
    } finally {
      writeFileSync(join(group, 'cgroup.freeze'), '0')
      await eventually(() => {
        rmdirSync(group)
        return true
      }, 'the group to be empty').catch(() => {})
      spawnSync('umount', ['-l', root])
    }
  })
})

linux('A worker whose inspector cannot listen', () => {
  it('is not said to be in native code', async () => {
    using board = new Scoreboard({ baseDir: tempDir() })
    const neighbour = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => neighbour.once('listening', resolve))
    const { port } = neighbour.address() as { port: number }
    const { worker } = await startHanging(board, 'loop', { node: [`--inspect-port=${port}`] })

    const { refusal } = await stackOf(worker, { board, timeoutMs: 100 })
    neighbour.close()

    assert.equal(refusal!.code, 'no-answer')
    assert.match(refusal!.message, new RegExp(`another process here has port ${port}`))
  })
})
