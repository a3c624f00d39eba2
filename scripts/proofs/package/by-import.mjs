// The package in an ES module: every name can be imported, and both ways lead to the same one.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import * as rollcall from 'rollcall'
import { Scoreboard } from 'rollcall'
import use from './use.cjs'

const imported = { ...rollcall }
const required = createRequire(import.meta.url)('rollcall')
for (const name of Object.keys(required)) assert.equal(imported[name], required[name], name)
assert.equal(Scoreboard, required.Scoreboard)
await use(rollcall)
