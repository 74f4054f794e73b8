import logo from "../../assets/favicon.svg";

/** The sign of the product; the name stands beside it. */
export function Logo() {
  return <img class="logo" src={logo} alt="" width="64" height="64" />;
}
