/** Something that is not what it should be, whoever gave it: said without what was read. */
export class Malformed extends Error {}

/** To be thrown by whoever reads, for whoever asked to translate. */
export const malformed = (what: string): Malformed => new Malformed(what)
