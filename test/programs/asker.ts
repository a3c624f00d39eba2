// Asks for the stack of a worker, as another user where it is told to: the worker's entry and options as JSON, then a user id.

import { stackOf } from '../../lib'
// Loaded before it is needed, as that user may not be allowed to read it.
import '../../lib/why/stack-of'

const [entry, options, uid] = process.argv.slice(2) as [string, string, string | undefined]
if (uid !== undefined) process.setuid!(Number(uid))

void stackOf(JSON.parse(entry), JSON.parse(options)).then((stack) => {
  process.send!(stack)
  process.disconnect()
})
