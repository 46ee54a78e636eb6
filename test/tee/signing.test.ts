import { describe, expect, test } from 'bun:test'
import { signerOf, signingKeys } from '../../src/tee/signing.ts'

const hex = (text: string) => Buffer.from(text, 'hex')

describe('a text is signed', () => {
  test('by Ed25519 as RFC 8032 has it (section 7.1, TEST 2)', () => {
    const seed = hex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb')
    const { ed25519 } = signingKeys({ ed25519: seed, ecdsa: new Uint8Array(32).fill(1) })
    expect(ed25519.publicKey).toBe('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c')
    expect(ed25519.sign('r')).toBe(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    )
  })

  test('by secp256k1 as EIP-191 has it (the example of web3.js, eth.accounts.sign)', () => {
    const seed = hex('4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318')
    const { ecdsa } = signingKeys({ ed25519: seed, ecdsa: seed })
    const signature =
      '0xb91467e570a6466aa9e9876cbcd013baba02900b8979d43fe208a4a4f339f5fd6007e74cd82e037b800186422fc2da167c747ef045e5d18a5f5d4300f8e1a0291c'
    expect(ecdsa.address).toBe('0x2c7536e3605d9c16a7a3d7b1898e529396a65c23')
    expect(ecdsa.sign('Some data')).toBe(signature)
    expect(signerOf('Some data', signature)).toBe(ecdsa.address)
    expect(signerOf('Some date', signature)).not.toBe(ecdsa.address)
  })

  test.each(['', '0x', `0x${'00'.repeat(65)}`, `0x${'00'.repeat(64)}1b`])('and %j is no signature', text => {
    expect(() => signerOf('Some data', text)).toThrow()
  })
})
