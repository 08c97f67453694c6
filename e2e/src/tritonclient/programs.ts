/** The task, and one of its architectures, that the programs of e2e/clients/python ask for. */
export const task = "digit-classification/uci-digits";
export const architecture = "digits-cnn-s";
