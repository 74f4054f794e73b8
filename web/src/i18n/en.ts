/** Texts in English. The shape of this object is the catalogue: another language that misses a key does not compile. */

import { plural } from "./plural";

const count = plural("en");

export const en = {
  appName: "BrainMessenger",

  account: {
    signIn: "Sign in",
    signUp: "Create account",
    signOut: "Sign out",
    welcomeBack: "Welcome back",
    welcomeBackHint: "Sign in to carry on where you stopped.",
    welcome: "Create your account",
    welcomeHint: "A name, an e-mail address and a password are all it takes.",
    noAccountYet: "No account yet?",
    alreadyHere: "Already have an account?",
    displayName: "Your name",
    displayNameHint: "This is how others find you.",
    email: "E-mail",
    password: "Password",
    showPassword: "Show password",
    hidePassword: "Hide password",
    busy: "One moment…",
    verifyFirst:
      "We have sent you a letter. Open the link in it to confirm your address, then sign in.",
    nameMissing: "Enter your name.",
    nameTooLong: "A name has at most 32 characters.",
    nameInvalid: "A name consists of letters, digits, spaces and . , ' -",
    emailInvalid: "Enter an e-mail address, for example anna@example.org.",
    passwordMissing: "Enter your password.",
  },

  chats: {
    title: "Chats",
    list: "List of chats",
    empty: "No chats yet",
    emptyHint: "Find somebody by name and say hello.",
    loading: "Loading chats…",
    noMessages: "No messages yet",
    you: "You",
    photo: "Photo",
    deletedAccount: "Deleted account",
    saved: "Saved messages",
    system: "Notice",
    unread: (n: number) => count(n, { one: "# unread message", other: "# unread messages" }),
  },

  people: {
    search: "Find people by name",
    clear: "Clear search",
    results: "People found",
    searching: "Searching…",
    none: "Nobody found by that name.",
    found: (n: number) => count(n, { one: "# person found", other: "# people found" }),
    open: (name: string) => `Write to ${name}`,
  },

  conversation: {
    choose: "Choose a chat",
    chooseHint: "Or find somebody by name to start a new one.",
    back: "Back to chats",
    messages: (name: string) => `Messages with ${name}`,
    loading: "Loading messages…",
    loadingOlder: "Loading older messages…",
    empty: "Nothing here yet",
    emptyHint: (name: string) => `Write the first message to ${name}.`,
    notFound: "This chat does not exist, or you are not in it.",
    toNewest: "To the newest message",
    newMessages: (n: number) => count(n, { one: "# new message", other: "# new messages" }),
    announceOne: (name: string, text: string) => `${name}: ${text}`,
    deleted: "This message was deleted.",
    edited: "edited",
    today: "Today",
    yesterday: "Yesterday",
  },

  message: {
    sending: "Sending",
    waiting: "Waiting for the connection",
    sent: "Sent",
    read: "Read",
    failed: "Not sent",
    retry: "Try again",
    discard: "Delete",
    photoFrom: (name: string) => `Photo from ${name}`,
    yourPhoto: "Your photo",
    openPhoto: "Open the photo in full size",
    photoLoading: "Loading the photo…",
    photoBroken: "The photo cannot be shown.",
    uploaded: (percent: number) => `${percent} % uploaded`,
  },

  composer: {
    label: (name: string) => `Message to ${name}`,
    placeholder: "Message",
    send: "Send",
    attach: "Attach a photo",
    attached: (name: string) => `Photo to send: ${name}`,
    removePhoto: "Remove the photo",
    drop: "Drop the photo to attach it",
    notPhoto: "Only pictures can be attached for now.",
  },

  photo: {
    viewer: "Photo",
    close: "Close",
    download: "Download",
  },

  link: {
    offline: "You are offline. Messages will be sent when the connection is back.",
    connecting: "Connecting…",
  },

  signOut: {
    title: "Sign out?",
    unsent: (n: number) =>
      count(n, {
        one: "# message has not been sent yet. It will be deleted.",
        other: "# messages have not been sent yet. They will be deleted.",
      }),
    cancel: "Cancel",
  },

  problem: {
    offline: "There is no connection. Check your network and try again.",
    unavailable: "The server does not answer properly. Try again in a moment.",
    wrongCredentials: "The e-mail address or the password is wrong.",
    emailTaken: "There is already an account with this e-mail address.",
    weakPassword: "This password is too short. Choose a longer one.",
    leakedPassword: "This password is known from data leaks. Choose another one.",
    unverified: "Your address is not confirmed yet. Open the link in the letter we sent you.",
    disabled: "This account is disabled.",
    signUpClosed: "New accounts cannot be created on this server.",
    secondFactor: "This account asks for a second factor, which this client cannot enter yet.",
    badInput: "The server did not accept this. Check what you entered.",
    forbidden: "You may not do this.",
    tooLarge: "The file is too large.",
    tooMany: "Too many tries. Wait a little, then try again.",
    signedOut: "You are signed out. Sign in again.",
    photoLost: "The photo is no longer on this device.",
    unknown: "Something went wrong. Try again.",
  },
};

export type Catalogue = typeof en;
