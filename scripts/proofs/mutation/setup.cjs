// Before the tests of a mutant: the same random histories for each mutant and each run, and no time spent on
// the smallest history that fails.

const fc = require('fast-check')

fc.configureGlobal({ seed: 20_240_229, endOnFailure: true })
