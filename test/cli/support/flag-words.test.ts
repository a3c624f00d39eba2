// The library's advice, as somebody at a shell reads it.

import assert from 'node:assert/strict'
import { inFlags } from '../../../lib/cli/support/flag-words'

describe("The library's advice in a shell", () => {
  const cases: [said: string, shown: string][] = [
    ["use option 'ifExists': 'attach' or 'replace'", 'use --if-exists attach or replace'],
    ["create it with option 'sealed': false", 'create it with --unsealed'],
    ["create it with option 'results': true", 'create it with --results'],
    ["Expected option 'timerMs' to be an integer", 'Expected --timer to be an integer'],
    ["place, set the option 'allowSharedDirectory'", 'place, give --shared-directory'],
    ["as option 'tls.ca' (--tls-ca)", 'as --tls-ca'],
    ["options 'tls.cert' and 'tls.key' (--tls-cert, --tls-key)", '--tls-cert and --tls-key'],
    ["Expected option 'auth.secret' to be", 'Expected --auth to be'],
    [
      "a queue that was not made of a list with option 'ifExists': 'extend'",
      'a queue that was not made of a list',
    ],
    ["or option 'tls.servername'", "or option 'tls.servername'"],
  ]
  for (const [said, shown] of cases) it(`says ${shown}`, () => assert.equal(inFlags(said), shown))
})
