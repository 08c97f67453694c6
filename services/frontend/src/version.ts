/** Version of this frontend as clients see it; the package's own. */
export const VERSION = "0.1.0";
