import { join } from 'node:path'
import { commit, compile, root } from './compile.ts'

// `bun run build`
await compile({ directory: join(root, 'dist'), commit: commit() })
