//! Cities where machines are, and how long light takes between them on the ways that cables go. Written from general
//! knowledge; weights are rough shares of hosting and of people online.

use crate::engine::{MS, Nanos};

/// One city.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct City {
    /// Its name.
    pub name: &'static str,
    /// Degrees north.
    pub latitude: f32,
    /// Degrees east.
    pub longitude: f32,
    /// How many peers live there, relative to the others.
    pub weight: u32,
}

/// Kilometres that light goes in a millisecond in glass: two thirds of its speed in vacuum.
const KM_PER_MS: f64 = 199.86;
/// Cables and routes are so much longer than the great circle.
const PATH_FACTOR: f64 = 1.4;
/// Exchanges and routers at both ends, one way; also within a city.
const EXCHANGE: Nanos = MS;
/// Of the earth.
const RADIUS_KM: f64 = 6_371.0;

/// Nanoseconds one way between all pairs, row by row: distance / (2/3 c) x 1.4 + 1 ms.
pub(super) fn city_delays() -> Vec<u32> {
    let between = |a: &City, b: &City| EXCHANGE as u32 + way_us(a, b) * 1_000;
    CITIES.iter().flat_map(|a| CITIES.iter().map(move |b| between(a, b))).collect()
}

/// Whole microseconds, so that the last bit of a cosine does not matter.
fn way_us(a: &City, b: &City) -> u32 {
    (great_circle_km(a, b) / KM_PER_MS * PATH_FACTOR * 1_000.0).round() as u32
}

fn great_circle_km(a: &City, b: &City) -> f64 {
    let [(lat_a, long_a), (lat_b, long_b)] =
        [a, b].map(|city| (f64::from(city.latitude).to_radians(), f64::from(city.longitude).to_radians()));
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let chord = half(lat_b - lat_a) + lat_a.cos() * lat_b.cos() * half(long_b - long_a);
    2.0 * RADIUS_KM * chord.sqrt().min(1.0).asin()
}

const fn city(name: &'static str, latitude: f32, longitude: f32, weight: u32) -> City {
    City { name, latitude, longitude, weight }
}

/// Where peers live.
pub const CITIES: [City; 60] = [
    city("Ashburn", 39.0, -77.5, 90),
    city("New York", 40.7, -74.0, 45),
    city("Atlanta", 33.7, -84.4, 18),
    city("Miami", 25.8, -80.2, 12),
    city("Chicago", 41.9, -87.6, 25),
    city("Dallas", 32.8, -96.8, 28),
    city("Denver", 39.7, -105.0, 8),
    city("Des Moines", 41.6, -93.6, 20),
    city("Phoenix", 33.4, -112.1, 10),
    city("Los Angeles", 34.1, -118.2, 25),
    city("San Jose", 37.3, -121.9, 40),
    city("Portland", 45.5, -122.7, 30),
    city("Seattle", 47.6, -122.3, 18),
    city("Toronto", 43.7, -79.4, 18),
    city("Montreal", 45.5, -73.6, 16),
    city("Vancouver", 49.3, -123.1, 6),
    city("Mexico City", 19.4, -99.1, 8),
    city("Bogota", 4.7, -74.1, 4),
    city("Lima", -12.0, -77.0, 3),
    city("Santiago", -33.4, -70.7, 6),
    city("Buenos Aires", -34.6, -58.4, 6),
    city("Sao Paulo", -23.6, -46.6, 26),
    city("London", 51.5, -0.1, 48),
    city("Dublin", 53.3, -6.3, 26),
    city("Paris", 48.9, 2.4, 34),
    city("Amsterdam", 52.4, 4.9, 46),
    city("Brussels", 50.9, 4.4, 8),
    city("Frankfurt", 50.1, 8.7, 62),
    city("Falkenstein", 50.5, 12.4, 30),
    city("Zurich", 47.4, 8.5, 14),
    city("Milan", 45.5, 9.2, 12),
    city("Madrid", 40.4, -3.7, 14),
    city("Lisbon", 38.7, -9.1, 5),
    city("Vienna", 48.2, 16.4, 8),
    city("Prague", 50.1, 14.4, 8),
    city("Warsaw", 52.2, 21.0, 16),
    city("Stockholm", 59.3, 18.1, 12),
    city("Oslo", 59.9, 10.8, 5),
    city("Helsinki", 60.2, 24.9, 24),
    city("Bucharest", 44.4, 26.1, 7),
    city("Athens", 38.0, 23.7, 4),
    city("Istanbul", 41.0, 29.0, 8),
    city("Kyiv", 50.5, 30.5, 7),
    city("Moscow", 55.8, 37.6, 16),
    city("Tel Aviv", 32.1, 34.8, 7),
    city("Dubai", 25.2, 55.3, 8),
    city("Cairo", 30.0, 31.2, 3),
    city("Lagos", 6.5, 3.4, 3),
    city("Nairobi", -1.3, 36.8, 2),
    city("Johannesburg", -26.2, 28.0, 7),
    city("Mumbai", 19.1, 72.9, 24),
    city("Bangalore", 13.0, 77.6, 12),
    city("Singapore", 1.35, 103.8, 38),
    city("Jakarta", -6.2, 106.8, 8),
    city("Hong Kong", 22.3, 114.2, 20),
    city("Shanghai", 31.2, 121.5, 20),
    city("Seoul", 37.6, 127.0, 20),
    city("Tokyo", 35.7, 139.7, 40),
    city("Sydney", -33.9, 151.2, 18),
    city("Auckland", -36.8, 174.8, 3),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip_ms(from: &str, to: &str) -> f64 {
        let at = |name| CITIES.iter().position(|city| city.name == name).unwrap();
        2.0 * f64::from(city_delays()[at(from) * CITIES.len() + at(to)]) / MS as f64
    }

    /// What round trips between data centres there usually take, to a few milliseconds.
    #[test]
    fn round_trips_between_cities_are_about_those_that_are_measured() {
        let known = [
            ("New York", "London", 72.0),
            ("Ashburn", "Frankfurt", 90.0),
            ("New York", "San Jose", 68.0),
            ("London", "Paris", 9.0),
            ("Tokyo", "Los Angeles", 103.0),
            ("Tokyo", "Singapore", 70.0),
            ("Sydney", "Los Angeles", 142.0),
            ("Sao Paulo", "Ashburn", 116.0),
            ("London", "Singapore", 168.0),
            ("Frankfurt", "Mumbai", 115.0),
            ("London", "Johannesburg", 160.0),
        ];
        for (from, to, measured_ms) in known {
            let modelled_ms = round_trip_ms(from, to);
            let off = (modelled_ms - measured_ms).abs() / measured_ms;
            assert!(off < 0.25, "{from} to {to}: {modelled_ms:.0} ms instead of {measured_ms} ms");
        }
        assert_eq!(round_trip_ms("Oslo", "Oslo"), 2.0);
    }
}
