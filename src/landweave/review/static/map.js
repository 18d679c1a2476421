// The event and its neighbours on a map. Coordinates are those of the map's CRS; nothing comes from elsewhere.

/* global L */

export class Surroundings {
  constructor(isMetric, onChoose) {
    this.onChoose = onChoose;
    this.map = L.map("map", { crs: L.CRS.Simple, attributionControl: false, minZoom: -30, maxZoom: 10, zoomSnap: 0.25 });
    if (isMetric) L.control.scale({ imperial: false }).addTo(this.map);
    this.drawn = L.layerGroup().addTo(this.map);
  }

  show(told, picture) {
    const [left, bottom, right, top] = told.bounds;
    // Large numbers shake when they are multiplied by a zoom: places count from a corner.
    const place = ([x, y]) => [y - bottom, x - left];
    const bounds = [[0, 0], [top - bottom, right - left]];
    this.drawn.clearLayers();
    if (picture) L.imageOverlay(picture, bounds, { alt: "The scene around the event" }).addTo(this.drawn);
    for (const other of told.others) this.neighbour(other, place);
    const rings = told.rings.map((ring) => ring.map(place));
    L.polygon(rings, { color: "#000", weight: 5, opacity: 0.5, fill: false, interactive: false }).addTo(this.drawn);
    L.polygon(rings, { color: "#ffe14d", weight: 2.5, fillOpacity: 0.08, interactive: false }).addTo(this.drawn);
    this.map.invalidateSize();
    this.map.fitBounds(bounds, { animate: false });
  }

  neighbour(other, place) {
    const shape = L.polygon(other.rings.map((ring) => ring.map(place)), { color: "#ffffff", weight: 1.5, dashArray: "4 3", fillOpacity: 0.12 });
    shape.bindTooltip(`event ${other.row + 1}`);
    shape.on("click", () => this.onChoose(other.row));
    shape.addTo(this.drawn);
  }
}
