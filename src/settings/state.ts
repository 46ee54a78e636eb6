import { hexKey, integer } from '../protocol/kinds.ts'
import type { Setting } from './setting.ts'

/** What seals the state, and how long it is kept. */
export const state = {
  DATA_KEY: {
    kind: hexKey,
    secret: true,
    unset: 'in dstack the guest agent’s key; else made at the first start, with PostgreSQL required',
    attested: false,
    what: 'The root of every key at rest, 32 bytes in hex; one made here is kept in `<database>.key`.',
    why: 'Operators who keep keys apart from disks, or run several machines.',
  },
  DATA_KEY_PREVIOUS: {
    kind: hexKey,
    secret: true,
    only: 'rekey',
    unset: 'the key of the guest agent, or the one beside the database',
    attested: false,
    what: 'The root that `sealgate rekey` replaces by DATA_KEY, or by the guest agent’s key; 32 bytes in hex; nothing else reads it.',
    why: 'Operators who replace DATA_KEY, and only until that is done.',
  },
  RECEIPT_DAYS: {
    kind: integer(0, 3650),
    default: '30',
    attested: true,
    what: 'Days for which signed receipts of requests are kept, for their callers to fetch; with 0 none are made.',
    why: 'Operators, by how long their callers may have to prove something, and by the disk: about 1 KB each.',
  },
  ACTIVITY_DAYS: {
    kind: integer(0, 3650),
    default: '90',
    attested: true,
    what: 'Days for which it is kept when users signed in, and what they made; with 0 it goes within a minute.',
    why: 'Operators, by what they have to be able to explain, and by what they promise to forget.',
  },
  IDENTITY_HASH_KEY: {
    kind: hexKey,
    secret: true,
    unset: 'derived from DATA_KEY',
    attested: false,
    what: 'The key under which callers become opaque owner ids, 32 bytes in hex.',
    why: 'Operators whose other databases know callers by the same ids; to replace DATA_KEY use `sealgate rekey`.',
  },
} as const satisfies Readonly<Record<string, Setting>>
