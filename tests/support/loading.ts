/** Which of several test files is being loaded (several.ts), for the names of its tests. */
export const loading: { file: string | undefined } = { file: undefined };
