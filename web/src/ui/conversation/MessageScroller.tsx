import { Component, type ComponentChildren, createRef } from "preact";

interface Props {
  label: string;
  /** When this changes to another key, the list goes to its end: the person has just written something. */
  jumpTo: string | null;
  onNewest: (atNewest: boolean) => void;
  onOldest: () => void;
  overlay: (toNewest: () => void) => ComponentChildren;
  children: ComponentChildren;
}

interface Anchor {
  readonly element: Element;
  readonly top: number;
}

/** This close to the end counts as being there; this close to the top asks for more. */
const endSlack = 48;
const topSlack = 600;

/**
 * Keeps the reading position: at the end it stays at the end, anywhere else what the person looks at stays where
 * it is, whatever is added above or below. A class, for the moment just before an update.
 */
export class MessageScroller extends Component<Props> {
  private readonly pane = createRef<HTMLDivElement>();
  private readonly list = createRef<HTMLOListElement>();
  private readonly resized = new ResizeObserver(() => this.settle(null));
  private atEnd = true;

  override componentDidMount(): void {
    if (this.pane.current !== null) this.resized.observe(this.pane.current);
    if (this.list.current !== null) this.resized.observe(this.list.current);
    this.settle(null);
    this.props.onNewest(true);
  }

  override componentWillUnmount(): void {
    this.resized.disconnect();
    this.props.onNewest(true);
  }

  override getSnapshotBeforeUpdate(): Anchor | null {
    return this.atEnd ? null : this.firstInView();
  }

  override componentDidUpdate(before: Props, _state: object, anchor: Anchor | null): void {
    const { jumpTo } = this.props;
    if (jumpTo !== null && jumpTo !== before.jumpTo) this.setAtEnd(true);
    this.settle(anchor);
  }

  override render({ label, overlay, children }: Props) {
    return (
      <div class="messages-frame">
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
        <div class="messages" ref={this.pane} tabIndex={0} onScroll={this.onScroll}>
          <ol ref={this.list} aria-label={label}>
            {children}
          </ol>
        </div>
        {overlay(this.toNewest)}
      </div>
    );
  }

  private readonly toNewest = () => {
    this.setAtEnd(true);
    this.settle(null);
    this.pane.current?.focus({ preventScroll: true });
  };

  private readonly onScroll = () => {
    const pane = this.pane.current;
    if (pane === null) return;
    this.setAtEnd(pane.scrollHeight - pane.scrollTop - pane.clientHeight < endSlack);
    if (pane.scrollTop < topSlack) this.props.onOldest();
  };

  private setAtEnd(atEnd: boolean): void {
    if (this.atEnd === atEnd) return;
    this.atEnd = atEnd;
    this.props.onNewest(atEnd);
  }

  private settle(anchor: Anchor | null): void {
    const pane = this.pane.current;
    if (pane === null) return;
    if (this.atEnd) pane.scrollTop = pane.scrollHeight;
    else if (anchor?.element.isConnected) {
      pane.scrollTop += anchor.element.getBoundingClientRect().top - anchor.top;
    }
    if (pane.scrollTop < topSlack) this.props.onOldest();
  }

  private firstInView(): Anchor | null {
    const top = this.pane.current?.getBoundingClientRect().top ?? 0;
    for (const element of this.list.current?.children ?? []) {
      const box = element.getBoundingClientRect();
      if (box.bottom > top) return { element, top: box.top };
    }
    return null;
  }
}
