// The package in a CommonJS program.

void require('./use.cjs')(require('rollcall'))
