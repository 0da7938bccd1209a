// The connection to the node: frames come as binary messages, the state as text.

/** Take a frame apart: its header, and its blobs as views of the message. */
export function unpack(message) {
  const length = new DataView(message).getUint32(0, true);
  const frame = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length)));
  const view = (kind, name) => {
    const place = frame.blobs[name];
    return place ? new kind(message, place[0], place[1] / kind.BYTES_PER_ELEMENT) : null;
  };
  frame.occupancy = view(Int8Array, "occupancy");
  frame.boxes = view(Float32Array, "boxes");
  frame.points = view(Int16Array, "points");
  frame.jpeg = name => view(Uint8Array, name);
  return frame;
}

/** Connect, and again whenever the connection is lost. */
export function connect({ onHello, onFrame, onState, onLink }) {
  let delay = 500;
  const open = () => {
    const address = new URL("live", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { delay = 500; onLink(true); };
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) return onFrame(unpack(data));
      const message = JSON.parse(data);
      message.hello ? onHello(message) : onState(message);
    };
    socket.onclose = () => {
      onLink(false);
      setTimeout(open, delay);
      delay = Math.min(2 * delay, 5000);
    };
  };
  open();
}
