/** TEMP */
export function parseMessage(text: string): string { return text; }
