// Old and new on one board: a released version, built from git in a scratch folder, reads what this one writes and the
// other way round. `node scripts/proofs/older-layout.mjs`, or with another commit or a folder that has it built.

import assert from 'node:assert/strict'
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const NEW = resolve('.')
const scratch = mkdtempSync(join(tmpdir(), 'rollcall-older-'))

if (process.send !== undefined) {
  // A worker of either version, as the parent says.
  const { Scoreboard } = await import(join(process.argv[2], 'dist', 'lib', 'index.js'))
  const board = new Scoreboard({ baseDir: process.argv[3], workerId: process.argv[4] })
  const calls = {
    update: (status) => board.update(status),
    read: () => [...board.readAll()],
    dead: () => board.snapshot({ includeDead: true }).workers.map(({ id, state }) => [id, state]),
    changes: () => board.changes().workers.map(({ id, status }) => [id, status]),
    hearts: () => board.snapshot().workers.map(({ id, heartbeatMs }) => [id, heartbeatMs]),
    cleanup: () => board.cleanup().slots,
  }
  process.on('message', ([name, ...args]) => process.send(calls[name](...args) ?? null))
} else {
  try {
    await prove(build(process.argv[2] ?? '8f8b601'))
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function build(from) {
  if (existsSync(join(from, 'dist', 'lib', 'index.js'))) return resolve(from)
  const folder = join(scratch, 'old')
  mkdirSync(folder)
  execFileSync('sh', ['-c', 'git archive "$1" | tar x -C "$2"', 'sh', from, folder])
  symlinkSync(join(NEW, 'node_modules'), join(folder, 'node_modules'))
  execFileSync('npx', ['node-gyp', 'configure', 'build', '--silent'], { cwd: folder, stdio: 'ignore' })
  execFileSync('npx', ['tsc', '-p', 'tsconfig.json'], { cwd: folder, stdio: 'inherit' })
  return folder
}

function start(version, baseDir, id) {
  const child = fork(import.meta.filename, [version, baseDir, id])
  const ask = async (...call) => {
    child.send(call)
    return (await once(child, 'message'))[0]
  }
  const kill = () => {
    child.kill('SIGKILL')
    return once(child, 'exit')
  }
  return { ask, kill }
}

async function prove(OLD) {
  for (const [maker, name] of [
    [OLD, 'an old board'],
    [NEW, 'a new board'],
  ]) {
    const baseDir = mkdtempSync(join(scratch, 'board-'))
    const first = start(maker, baseDir, 'maker')
    await first.ask('update', 'made it')
    const [older, newer] = [start(OLD, baseDir, 'old'), start(NEW, baseDir, 'new')]
    await older.ask('update', 'I am old')
    await newer.ask('update', 'I am new')
    const all = [
      ['maker', 'made it'],
      ['old', 'I am old'],
      ['new', 'I am new'],
    ]
    for (const who of [older, newer]) {
      assert.deepEqual(new Map(await who.ask('read')), new Map(all))
      assert.deepEqual(new Map(await who.ask('changes')), new Map(all))
    }
    const hearts = new Map(await newer.ask('hearts'))
    assert.deepEqual([hearts.get('new'), hearts.get('old')], [1000, null])

    // The slot of one with a heart goes to one that knows none: it must not inherit it.
    await newer.kill()
    assert.deepEqual(new Map(await older.ask('dead')).get('new'), 'dead')
    assert.equal(await older.ask('cleanup'), 1)
    const heir = start(OLD, baseDir, 'heir')
    await heir.ask('update', 'I have its slot')
    const again = start(NEW, baseDir, 'again')
    await again.ask('update', 'I am new, too')
    assert.equal(new Map(await again.ask('hearts')).get('heir'), null)
    await heir.kill()
    assert.equal(new Map(await again.ask('dead')).get('heir'), 'dead')
    for (const who of [first, older, again]) await who.kill()
    console.log(`${name}: each reads the other, and no heart is inherited`)
  }
}
