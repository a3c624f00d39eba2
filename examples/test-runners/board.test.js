// A board in tests of jest and of vitest, which run files in workers and load modules anew for each.
//
//   npx jest board.test.js      npx vitest run --globals board.test.js

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

let baseDir

beforeEach(() => {
  baseDir = fs.mkdtempSync(path.join(os.tmpdir(), 'board-test-'))
})
afterEach(() => fs.rmSync(baseDir, { recursive: true }))

test('a board carries a status', () => {
  const { Scoreboard } = require('rollcall')
  const board = new Scoreboard({ baseDir, workerId: 'w' })
  board.update({ step: 1, bytes: [1, 2] })
  expect([...board.readAll()]).toEqual([['w', { step: 1, bytes: [1, 2] }]])
  board.update(Buffer.from('abc'))
  expect(Buffer.isBuffer(board.readAll().get('w'))).toBe(true)
  board.close()
})

test('two copies of the module share a board, after a reset of modules too', () => {
  const first = new (require('rollcall').Scoreboard)({ baseDir, workerId: 'first' })
  first.update('one')
  const { jest: runner, vi } = globalThis
  ;(typeof jest === 'undefined' ? vi : (runner ?? jest)).resetModules()
  const second = new (require('rollcall').Scoreboard)({ baseDir, workerId: 'second' })
  second.update('two')
  expect([...second.readAll()]).toEqual([
    ['first', 'one'],
    ['second', 'two'],
  ])
  first.close()
  second.close()
})
